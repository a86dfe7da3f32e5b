"""The page as people have it: on a phone, in the dark, by a screen reader, offline, and without a script."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from playwright.async_api import Page

from harness.screen.picture import from_rgba
from harness.verdict.page.render import page
from harness.window.chromium import Chromium
from lab import npm
from tests.unit.peers.small_suite import ROOT
from tests.unit.peers.verdicts import document
from tests.unit.verdict.test_page import run

T = TypeVar("T")

AXE = ROOT / "tests" / "unit" / "peers" / "axe"
PHONE, DESK = {"width": 360, "height": 740}, {"width": 1280, "height": 800}
DEADLINE_S = 600.0
"""How long a page takes says how busy the machine is."""
HOSTILE = "</pre><script>document.title = 'ran'</script><img src=x onerror=\"document.title = 'ran'\">"
LONG = "/a/path/without/a/place/to/break" * 20


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    with Chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def axe() -> str:
    """axe-core's script."""
    packages = ROOT / "build" / f"axe-{npm.lock_digest(AXE)[:16]}"
    npm.install(AXE, packages)
    return (packages / "node_modules/axe-core/axe.min.js").read_text("utf-8")


@pytest.fixture
def red(tmp_path: Path) -> Path:
    """The page of a run in which much is red, with all that a page can hold."""
    mine = tmp_path / "run" / "host.health"
    mine.mkdir(parents=True)
    (mine / "window.png").write_bytes(from_rgba(1200, 600, bytes((20, 120, 60, 255)) * 720_000).png())
    (mine / "journal.txt").write_text(f"{HOSTILE}\n{LONG}\n")
    dead = {"outcome": "BROKEN", "seen": "no answer", "hint": LONG}
    told = run(
        {
            "health": {"outcome": "FAIL", "seen": f"{HOSTILE}\n{LONG}", "where": LONG},
            "handlers": dead,
            "host-clean": {"outcome": "WAIVED", "found": "FAIL", "seen": LONG},
            "database-updated": {"outcome": "ADVISORY", "found": "FAIL", "seen": LONG},
            "window": dead,
            "oauth": {"outcome": "NOT PROVEN", "seen": "it did not run"},
            "unit-network": {"outcome": "n/a", "seen": "no such thing here"},
        },
        outcome="FAIL",
        trouble=[{"outcome": "BROKEN", "text": HOSTILE}],
        advice=[{"check": "host.x", "text": LONG}],
    )
    told["items"][3]["outcome"] = "NOT PROVEN"
    told["items"][4] |= {"outcome": "NOT PROVEN", "in_scope": False, "checks": [], "reason": "not asked"}
    return written(tmp_path / "red.html", told, tmp_path / "run")


@pytest.fixture
def green(tmp_path: Path) -> Path:
    """The page of a run that passed."""
    return written(tmp_path / "green.html", run({}))


def written(file: Path, told: dict[str, Any], folder: Path | None = None) -> Path:
    file.write_text(page(document(**told), folder), "utf-8")
    return file


def seen(browser: Chromium, file: Path, look: Callable[[Page], Awaitable[T]], **options: Any) -> T:
    """Open the page with its parts unfolded, and look at it."""

    async def opened() -> T:
        context = await browser.context(**options)
        try:
            shown = await context.new_page()
            shown.set_default_timeout(DEADLINE_S * 1000)
            await shown.goto(file.as_uri())
            for one in await shown.query_selector_all("details:not([open])"):
                await one.evaluate("one => one.open = true")
            return await look(shown)
        finally:
            await context.close()

    return browser.call(opened, timeout_s=DEADLINE_S)


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("which", ["red", "green"])
def test_nothing_keeps_anybody_from_reading_it(
    request: pytest.FixtureRequest,
    chromium: Chromium,
    axe: str,
    which: str,
    scheme: str,
    size: dict[str, int],
) -> None:
    """axe-core finds nothing, and no line is wider than the screen."""

    async def look(shown: Page) -> tuple[list[Any], int, int]:
        await shown.evaluate(axe)
        found = await shown.evaluate("async () => (await axe.run()).violations")
        names = [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found]
        return names, *await widths(shown)

    file = request.getfixturevalue(which)
    names, wide, screen = seen(chromium, file, look, viewport=size, color_scheme=scheme)
    assert names == []
    assert wide <= screen == size["width"]


async def widths(shown: Page) -> tuple[int, int]:
    """Of what is on the page, and of the screen."""
    wide, screen = await shown.evaluate(
        "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    return wide, screen


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize(("scheme", "colour"), [("light", "#ddd"), ("dark", "#333")])
def test_something_would_be_found(
    chromium: Chromium, axe: str, green: Path, scheme: str, colour: str, size: dict[str, int]
) -> None:
    """Of a page that is as ours but for three faults; its colour can be read in the other scheme alone."""

    async def look(shown: Page) -> tuple[set[str], bool]:
        await shown.evaluate(axe)
        await shown.evaluate("() => document.documentElement.removeAttribute('lang')")
        await shown.evaluate("colour => document.querySelector('h1').style.color = colour", colour)
        found = {one["id"] for one in await shown.evaluate("async () => (await axe.run()).violations")}
        await shown.evaluate("() => document.querySelector('h1').style.width = '110vw'")
        wide, screen = await widths(shown)
        return found, wide > screen

    found = seen(chromium, green, look, viewport=size, color_scheme=scheme)
    assert found == ({"html-has-lang", "color-contrast"}, True)


def test_the_dark_page_is_dark(chromium: Chromium, green: Path) -> None:
    async def look(shown: Page) -> str:
        return str(await shown.evaluate("() => getComputedStyle(document.body).backgroundColor"))

    colours = [seen(chromium, green, look, color_scheme=scheme) for scheme in ("light", "dark")]
    assert colours == ["rgb(255, 255, 255)", "rgb(20, 23, 26)"]


def test_it_is_read_without_a_script(chromium: Chromium, red: Path) -> None:
    """What failed is open, with its picture; the rest unfolds."""

    async def look() -> tuple[bool, bool, bool, int]:
        context = await chromium.context(java_script_enabled=False)
        try:
            shown = await context.new_page()
            shown.set_default_timeout(DEADLINE_S * 1000)
            await shown.goto(red.as_uri())
            before = await shown.locator("text=journal.txt >> ..").locator("pre").is_visible()
            await shown.locator("summary", has_text="journal.txt").click()
            after = await shown.locator("text=journal.txt >> ..").locator("pre").is_visible()
            width = await shown.locator("img").evaluate("one => one.naturalWidth")
            return await shown.locator("#health-1").is_visible(), before, after, width
        finally:
            await context.close()

    assert chromium.call(look, timeout_s=DEADLINE_S) == (True, False, True, 1200)


def test_nothing_is_fetched_or_run(chromium: Chromium, red: Path, tmp_path: Path) -> None:
    """Not even what got into it past the escaping: the page's own policy forbids it."""
    text = red.read_text("utf-8")
    assert "<script" not in text
    (tmp_path / "style.css").write_text("* {}")
    past = f"{HOSTILE}<link rel=stylesheet href='style.css'><iframe src='{red.as_uri()}?3'></iframe>"
    red.write_text(text.replace("</main>", f"{past}</main>"), "utf-8")
    lax = tmp_path / "lax.html"
    policy = re.compile(r"<meta http-equiv=\"Content-Security-Policy\"[^>]*>")
    lax.write_text(policy.sub("", red.read_text("utf-8")), "utf-8")
    title, had = fetched(chromium, lax)
    assert title == "ran"  # so it would be without the policy
    assert had > {lax.as_uri(), (tmp_path / "style.css").as_uri()}
    title, had = fetched(chromium, red)
    assert title.startswith("FAIL: here")
    assert had == {red.as_uri()}


def fetched(browser: Chromium, file: Path) -> tuple[str, set[str]]:
    """The page's title in the end, and what was not only asked for."""

    async def look() -> tuple[str, set[str]]:
        context = await browser.context()
        try:
            shown = await context.new_page()
            shown.set_default_timeout(DEADLINE_S * 1000)
            had: set[str] = set()
            shown.on("requestfinished", lambda request: had.add(request.url))
            await shown.goto(file.as_uri(), wait_until="load")
            return await shown.title(), {url for url in had if not url.startswith("data:")}
        finally:
            await context.close()

    return browser.call(look, timeout_s=DEADLINE_S)
