"""Our own browser: it reaches what it may and nothing else, shows a canvas, and is gone however we end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.async_api import Page
from websockets.sync.server import ServerConnection

from harness.errors import BrowserError, BrowserLostError
from harness.wait import wait_until
from harness.window import dashboard
from harness.window.chromium import Chromium
from harness.window.dashboard import CONNECTED, WindowPage, opened_window
from tests.unit.peers.small_suite import ROOT
from tests.unit.peers.web_peer import Answer, web_peer
from tests.unit.peers.websocket_peer import websocket_peer

TEAL = (0x11, 0x88, 0x99)
WINDOW = """<!doctype html><body><canvas width="8" height="4" tabindex="0"></canvas><script>
new WebSocket('ws://192.0.2.7:4001/');
const canvas = document.querySelector('canvas');
const paint = colour => { const c = canvas.getContext('2d'); c.fillStyle = colour; c.fillRect(0, 0, 8, 4); };
paint('#118899');
canvas.addEventListener('keydown', event => {
  console.log(event.key);
  paint('#ffffff');
});
</script></body>"""
FRAMED = "<!doctype html><body><iframe src=window></iframe></body>"
RESTLESS = """<!doctype html><body><iframe src=window></iframe><script>
setInterval(() => {
  const fresh = document.createElement('iframe');
  fresh.src = 'window';
  document.querySelector('iframe').replaceWith(fresh);
}, 20);
</script></body>"""
"""A page that renders anew all the time."""
STILL = "<!doctype html><body><canvas width=8 height=4></canvas><script>{script}</script></body>"
"""It looks like a window, and is none."""
SCRIPTS = """<script src="http://cdn.invalid/viewer.js"></script><script src="http://192.0.2.7:4000/none.js"></script>
<script src="http://192.0.2.7:4004/closed.js"></script></body>"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    """One for all."""
    with Chromium() as running:
        yield running


@pytest.fixture(autouse=True)
def long_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what a page has to do on a busy machine."""
    monkeypatch.setattr(dashboard, "_WINDOW_PAGE_S", 60)


@pytest.fixture
def asked(browser: Chromium, tmp_path: Path) -> Iterator[list[str]]:
    """What it asks of the one address it may reach."""
    pages = {"/window": WINDOW, "/framed": FRAMED, "/restless": RESTLESS, "/without": STILL.format(script="")}
    for name, port in (("unsized", 4001), ("silent", 4002), ("refused", 4003)):
        pages[f"/{name}"] = STILL.format(script=f"new WebSocket('ws://192.0.2.7:{port}/')")
    pages["/elsewhere"] = STILL.format(script="").replace("</body>", SCRIPTS)
    pages["/unsized"] = pages["/unsized"].replace("width=8", "width=0")
    answers: dict[str, Answer] = {path: (200, {}, page) for path, page in pages.items()}
    with (
        web_peer(tmp_path / "web", answers) as asked,
        websocket_peer(tmp_path / "greeting", greet),
        websocket_peer(tmp_path / "silent", listen),
    ):
        browser.allow(("192.0.2.7", 4000), tmp_path / "web")
        browser.allow(("192.0.2.7", 4001), tmp_path / "greeting")
        browser.allow(("192.0.2.7", 4002), tmp_path / "silent")
        yield asked


def greet(peer: ServerConnection) -> None:
    """As a VNC server begins."""
    peer.send(b"RFB 003.008\n")
    listen(peer)


def listen(peer: ServerConnection) -> None:
    """Say nothing, until the other side goes."""
    for _ in peer:
        pass


def connected(window: WindowPage) -> str:
    """Its state, once it is connected."""
    return wait_until(window.state, what="the window", timeout_s=60, until=lambda state: state == CONNECTED)


@pytest.mark.parametrize("page", ["window", "framed"])
def test_a_window_is_seen_and_typed_into(browser: Chromium, asked: list[str], page: str) -> None:
    with opened_window(browser, f"http://192.0.2.7:4000/{page}") as window:
        connected(window)
        picture = window.picture()
        assert picture is not None
        assert (picture.width, picture.height, picture.share(TEAL)) == (3, 2, 1)
        assert window.picture() is picture, "nothing has changed, and it was fetched again"
        window.type(["aB", "Tab"])
        picture = window.picture()
        assert picture is not None
        assert picture.share((255, 255, 255)) == 1
        assert [line for line in window.log if line.startswith("log: ")] == ["log: a", "log: B", "log: Tab"]
        assert window.screenshot().startswith(b"\x89PNG")
    assert asked[0] == f"/{page}"


@pytest.mark.usefixtures("asked")
def test_a_frame_that_goes_while_it_is_looked_at_is_no_error(browser: Chromium) -> None:
    with opened_window(browser, "http://192.0.2.7:4000/restless", canvas="#none") as window:
        assert [window.picture() for _ in range(100)] == [None] * 100


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(
    ("page", "canvas", "state"),
    [
        ("without", "canvas", "it has opened no WebSocket"),
        ("silent", "canvas", "nothing has come over its WebSocket"),
        ("unsized", "canvas", "no screen has come"),
        ("refused", "canvas", "its WebSocket is closed"),
        ("window", "#other", "it has no #other"),
    ],
)
def test_a_window_that_is_not_connected_says_what_is_missing(
    browser: Chromium, page: str, canvas: str, state: str
) -> None:
    with opened_window(browser, f"http://192.0.2.7:4000/{page}", canvas=canvas) as window:
        wait_until(window.state, what=state, timeout_s=60, until=lambda seen: seen == state)


FLOODS = {
    "console": "for (let n = 0; n < 3000; n++) console.log('x'.repeat(2000))",
    "popups": "setInterval(() => open('window'), 100)",
    "dialogs": "setInterval(() => alert('x'.repeat(100000)), 100)",
    "downloads": "setInterval(() => { const a = document.createElement('a'); a.download = 'x'; "
    "a.href = URL.createObjectURL(new Blob([new Uint8Array(1 << 20)])); a.click(); }, 100)",
    "titles": "setInterval(() => { document.title = 'x'.repeat(1 << 20) + Math.random(); }, 100)",
}


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("script", FLOODS.values(), ids=FLOODS)
def test_a_page_that_floods_is_looked_at_all_the_same(browser: Chromium, script: str, tmp_path: Path) -> None:
    page = STILL.format(script=script)
    with web_peer(tmp_path / "flood", {"/": (200, {}, page)}):
        browser.allow(("192.0.2.9", 4000), tmp_path / "flood")
        began = time.monotonic()
        with opened_window(browser, "http://192.0.2.9:4000/") as window:
            for _ in range(5):
                window.picture()
            assert window.state() == "it has opened no WebSocket"
            assert len(window.log) <= 1001
            wait_until(lambda: len(window._tab.context.pages) < 50, what="others to be closed", timeout_s=60)
        assert time.monotonic() - began < 400


@pytest.mark.usefixtures("asked")
def test_a_page_that_never_rests_is_given_up(
    browser: Chromium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dashboard, "_WINDOW_PAGE_S", 2)
    page = STILL.format(script="for (;;);")
    with web_peer(tmp_path / "flood", {"/": (200, {}, page)}):
        browser.allow(("192.0.2.9", 4000), tmp_path / "flood")
        with (
            pytest.raises(BrowserError, match="took over 2 s"),
            opened_window(browser, "http://192.0.2.9:4000/"),
        ):
            pass


@pytest.mark.usefixtures("asked")
def test_threads_share_the_browser(browser: Chromium) -> None:
    """Each has a window of its own."""

    def look(_: int) -> str:
        with opened_window(browser, "http://192.0.2.7:4000/window") as window:
            return connected(window)

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(look, range(3))) == ["connected"] * 3


@pytest.mark.usefixtures("asked")
def test_a_page_that_is_not_there_is_a_clear_error(browser: Chromium) -> None:
    with (
        pytest.raises(BrowserError, match=r"/none: 404; expected 200"),
        opened_window(browser, "http://192.0.2.7:4000/none"),
    ):
        pass


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:4321/", "http://nowhere.example/", "http://192.0.2.8:4000/"]
)
def test_nothing_else_is_reached(browser: Chromium, url: str) -> None:
    """Not even loopback, and no name is looked up."""
    with pytest.raises(BrowserError, match="ERR_SOCKS_CONNECTION_FAILED"), opened_window(browser, url):
        pass
    assert url.split("/")[2].partition(":")[0] in {host for host, _ in browser.refused}


def title_after_killing(word: str, before: set[int]) -> str:
    """A page's title, once whoever has that word on its command line is killed."""

    async def opened() -> Page:
        return await (await ours.context()).new_page()

    with Chromium() as ours:
        tab = ours.call(opened, timeout_s=60)
        hit = {pid for pid in below(os.getpid()) - before if word in words_of(pid)}
        assert hit
        for pid in hit:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: running(hit), what="its end", timeout_s=60, until=lambda pids: not pids)
        return str(ours.call(lambda: tab.evaluate("document.title"), timeout_s=60))


def test_what_our_own_gate_keeps_out_is_known(browser: Chromium, asked: list[str], tmp_path: Path) -> None:
    """A page that cannot load its viewer for that is no worse; what fails otherwise is the site's."""
    browser.allow(("192.0.2.7", 4004), tmp_path / "nobody")
    with opened_window(browser, "http://192.0.2.7:4000/elsewhere") as page:
        wait_until(lambda: page.kept_out, what="what is kept out", timeout_s=60)
    assert asked
    assert page.kept_out == {"cdn.invalid:80"}


@pytest.mark.parametrize("word", ["--type=renderer", "--user-data-dir=", "run-driver"])
def test_a_browser_that_ends_is_our_own_trouble(word: str) -> None:
    """A page's process, the browser, and the driver through which we speak with it."""
    before = below(os.getpid())
    with pytest.raises(BrowserLostError):
        title_after_killing(word, before)


HOLDER = """
import sys
from harness.window import dashboard
from harness.window.chromium import Chromium
with Chromium() as browser:
    print("ready", flush=True)
    sys.stdin.read()
"""


def told_by(file: Path) -> str:
    """What it says; nothing where its process has just ended."""
    try:
        return file.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def words_of(pid: int) -> str:
    """A process's command line."""
    return told_by(Path(f"/proc/{pid}/cmdline"))


def children(pid: int) -> set[int]:
    """A process's own."""
    listed = Path(f"/proc/{pid}/task").glob("*/children")
    return {int(child) for one in listed for child in told_by(one).split()}


def below(pid: int) -> set[int]:
    """A process and all its descendants."""
    return {pid}.union(*map(below, children(pid)))


def running(pids: set[int]) -> set[int]:
    """Those that still run; a defunct one waits for nobody but its parent."""
    stats = {pid: told_by(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split() for pid in pids}
    return {pid for pid, stat in stats.items() if stat and stat[0] != "Z"}


def test_not_even_a_stuck_browser_outlives_its_driver() -> None:
    """One that is too busy to hear that nobody is left to speak with it."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"ready\n"
        words = {pid: words_of(pid) for pid in below(holder.pid)}
        driver = next(pid for pid, said in words.items() if "run-driver" in said)
        # A child that it has just forked, and that is yet to become another, has the same words.
        browser = next(pid for pid in children(driver) if "--user-data-dir=" in words.get(pid, ""))
        try:
            os.kill(browser, signal.SIGSTOP)
            for pid in (driver, holder.pid):
                os.kill(pid, signal.SIGKILL)
            others = set(words) - {holder.pid}
            wait_until(lambda: running(others), what="its end", timeout_s=60, until=lambda pids: not pids)
        finally:
            for pid in running(set(words)):
                os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "terminated"])
def test_it_does_not_outlive_us(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"ready\n"
        family = below(holder.pid)
        assert len(family) > 3
        os.kill(holder.pid, number)
        others = family - {holder.pid}
        try:
            wait_until(lambda: running(others), what="its end", timeout_s=60, until=lambda pids: not pids)
        finally:
            for pid in running(others):
                os.kill(pid, signal.SIGKILL)
