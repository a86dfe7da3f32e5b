"""The verdict as one page: what is red first, each cause once, and of the evidence what there is room for."""

from __future__ import annotations

import os
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from harness.__main__ import main
from harness.verdict.page import file as page_file
from harness.verdict.page.kept import Evidence
from harness.verdict.page.render import page
from tests.unit.peers.hostile_text import NAMES
from tests.unit.peers.small_suite import ROOT, Suite
from tests.unit.peers.verdicts import document, passed

pytest_plugins = ["pytester"]

PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)


class _Page(HTMLParser):
    """Its elements, and its text as a reader has it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Each element."""
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Each text."""
        self.text += data

    def all(self, tag: str, name: str) -> list[str | None]:
        """An attribute of every element of this kind that has it."""
        return [attrs[name] for found, attrs in self.elements if found == tag and name in attrs]


def run(changes: dict[str, dict[str, Any]], **more: Any) -> dict[str, Any]:
    """A run of one check for each item, of which some came to something else, and their items with them."""
    told = passed(**more)
    for item, check in zip(told["items"], told["checks"], strict=True):
        check |= {"began": told["began"], **changes.get(item["key"], {})}
        item["outcome"] = check["outcome"]
    return told


def shown(told: dict[str, Any], folder: Path | None = None) -> _Page:
    """Its page."""
    return _Page(page(document(**told), folder))


def test_what_is_red_comes_first() -> None:
    """FAIL, BROKEN, NOT PROVEN, and then what passed, each with its number in the runbook."""
    told = run(
        {"oauth": {"outcome": "FAIL"}, "window": {"outcome": "NOT PROVEN"}, "health": {"outcome": "BROKEN"}}
    )
    found = shown(told)
    outcomes = [str(name).removeprefix("line ") for name in found.all("details", "class")]
    assert outcomes == ["fail", "broken", "not-proven", *["pass"] * 6]
    assert found.text.index("OAuth flow completes") < found.text.index("Health check passes")
    assert "line 9: 1 FAIL" in found.text
    opened = [attrs for tag, attrs in found.elements if tag == "details" and "open" in attrs]
    assert len(opened) == 3


def test_a_fail_says_what_was_seen_where_and_what_mends_it() -> None:
    """As on the terminal."""
    seen = {"outcome": "FAIL", "seen": "a\n  b <c>", "where": "minipc"}
    text = shown(run({"health": seen})).text
    for one in ("host.health", "A claim.", "a\n  b <c>", "minipc", "runbook step 5: rebuild it"):
        assert one in text


def test_a_cause_says_what_mends_it() -> None:
    """In the place of the check's own."""
    cause = {"name": "disk-full", "text": "/ is full", "where": "minipc", "step": 2, "how": "make room"}
    text = shown(run({"health": {"outcome": "FAIL", "seen": "no answer", "cause": cause}})).text
    for one in ("/ is full", "no answer", "runbook step 2: make room"):
        assert one in text
    assert "rebuild it" not in text


def test_where_no_cause_was_found_the_checks_own_words_mend_it() -> None:
    """As on the terminal."""
    cause = {"name": "", "text": "it is not the disk", "where": "", "step": "troubleshooting", "how": ""}
    text = shown(run({"health": {"outcome": "FAIL", "seen": "no answer", "cause": cause}})).text
    assert "it is not the disk" in text
    assert "runbook step 5: rebuild it" in text
    assert "Troubleshooting" not in text


def test_a_waived_fail_says_until_when_and_whose_it_is() -> None:
    """Below what is red, and with what mends it; what is advisory says what it came to."""
    waiver = {
        "check": "host.health",
        "reason": "moving",
        "owner": "me",
        "ticket": "T-1",
        "until": "2026-03-01",
    }
    waived = {"outcome": "WAIVED", "found": "FAIL", "seen": "too old", "waiver": waiver}
    advisory = {"outcome": "ADVISORY", "found": "BROKEN", "seen": "no answer", "advisory": True}
    found = shown(run({"health": waived, "window": advisory, "oauth": {"outcome": "FAIL"}}))
    outcomes = [str(name).removeprefix("line ") for name in found.all("details", "class")]
    assert outcomes == ["fail", "waived", "advisory", *["pass"] * 6]
    for one in ("too old", "until 2026-03-01 (me, T-1): moving", "runbook step 5: rebuild it", "no answer"):
        assert one in found.text


def test_what_is_behind_another_and_what_was_tried_before_say_so() -> None:
    tries = [{"run": "0a1b2c", "outcome": "FAIL", "seen": "away", "evidence": ""}]
    told = run({"health": {"outcome": "NOT PROVEN", "behind": "guest.agent_runs", "tries": tries}})
    text = shown(told).text
    assert "guest.agent_runs" in text
    assert "FAIL in run 0a1b2c" in text


def test_what_changed_since_the_last_run_is_told() -> None:
    change = {"check": "host.health", "outcome": "FAIL", "before": "PASS", "run": "0a1b2c"}
    since = {"run": "f00baa", "outcome": "PASS", "new": [{**change, "since": "2026-01-31T12:00:00.000Z"}]}
    text = shown(run({"health": {"outcome": "FAIL"}}, since=since)).text
    assert "Since the last run (f00baa: PASS)" in text
    assert "new (PASS before, now FAIL): host.health" in text
    assert "Since the last run" not in shown(run({})).text


def test_one_cause_is_told_once() -> None:
    """A dead host breaks every check in the same words."""
    dead = {"outcome": "BROKEN", "seen": "no answer from minipc", "hint": "is it up?"}
    found = shown(run(dict.fromkeys((item["key"] for item in passed()["items"]), dead), outcome="BROKEN"))
    assert found.text.count("no answer from minipc") == 1
    assert found.text.count("1 BROKEN, as host.host-clean") == 8
    assert set(found.all("a", "href")) >= {"#host-clean-1"}
    assert "host-clean-1" in found.all("article", "id")


def test_two_claims_that_fail_in_the_same_words_are_two_findings() -> None:
    failed = {"outcome": "FAIL", "seen": "no such unit"}
    assert shown(run({"health": failed, "window": failed})).text.count("no such unit") == 2


def test_all_that_is_beside_the_checks_is_told() -> None:
    """And that there is more of it."""
    told = run(
        {},
        trouble=[{"outcome": "BROKEN", "text": "cut short"}],
        advice=[{"check": "host.x", "text": f"number {n}"} for n in range(101)],
        leftovers=["a TAP device"],
        unwritten=["/x: no space"],
        left_out={"advice": 7},
        unknown={"agent.sha256": "it did not boot"},
    )
    text = shown(told).text
    for one in ("BROKEN: cut short", "number 99", "… and 8 more", "a TAP device", "/x: no space"):
        assert one in text
    assert "number 100" not in text
    assert "not known: it did not boot" in text
    assert "snapshot.memory.sha256" in text
    assert "2" * 64 in text


def test_the_timeline_has_every_check_that_says_when_it_began() -> None:
    """In its place; a verdict of an older suite has none."""
    told = run({"health": {"began": "2026-01-31T12:02:30.000Z", "seconds": 75.0, "outcome": "FAIL"}})
    found = shown(told)
    assert "left:50.0%;width:25.0%" in found.all("span", "style")
    assert "timeline" in found.all("h2", "id")
    assert found.text.index("12:00:00") < found.text.index("12:02:30")
    old = shown(passed())
    assert "timeline" not in old.all("h2", "id")


@pytest.mark.parametrize("text", NAMES.values(), ids=NAMES.keys())
def test_any_text_stands_anywhere_as_text(text: str) -> None:
    """It is read as what it is, and makes no element."""
    odd = f'</pre></style><script>x()</script><img src=x onerror=x()>" onload="x() {text}'
    failed = {"outcome": "FAIL", "seen": odd, "where": odd, "hint": odd, "name": f"host.{odd}", "claim": odd}
    told = run({"health": failed}, advice=[{"check": odd, "text": odd}], leftovers=[odd], site=odd, run=odd)
    told["items"][6] |= {"checks": [failed["name"]], "reason": odd}
    found, plain = shown(told), shown(run({"health": {"outcome": "FAIL"}}))
    assert {tag for tag, _ in found.elements} - {tag for tag, _ in plain.elements} <= {
        "details",
        "ul",
        "li",
        "p",
    }
    assert not [name for _, attrs in found.elements for name in attrs if name.startswith("on")]
    assert found.text.count("<script>x()</script>") >= 9
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e]", found.text)


def kept(folder: Path, name: str = "host.health") -> Path:
    """A check's folder in a run's."""
    mine = folder / name
    mine.mkdir()
    return mine


def test_evidence_is_folded_and_pictures_are_seen(tmp_path: Path) -> None:
    """Of what is red before what passed."""
    mine, other = kept(tmp_path), kept(tmp_path, "host.window")
    (mine / "journal.txt").write_text("said </pre><b>\n" * 300)
    (mine / "window.png").write_bytes(PNG)
    (other / "end.png").write_bytes(PNG)
    found = shown(run({"health": {"outcome": "FAIL"}}), tmp_path)
    assert [str(one)[:22] for one in found.all("img", "src")] == ["data:image/png;base64,"] * 2
    assert found.all("img", "alt")[0] == "Picture window.png, kept by host.health"
    assert found.text.count("said </pre><b>") == 200
    assert "… and 101 more lines" in found.text


def test_nothing_is_followed_out_of_the_runs_folder(tmp_path: Path) -> None:
    """An artifact may have been made by anybody."""
    (secret := tmp_path / "secret").mkdir()
    (secret / "key.txt").write_text("canary")
    run_folder = tmp_path / "run"
    run_folder.mkdir()
    mine = kept(run_folder)
    (mine / "link.txt").symlink_to(secret / "key.txt")
    os.mkfifo(mine / "pipe.txt")
    (run_folder / "host.window").symlink_to(secret)
    told = run(
        {"health": {"outcome": "FAIL"}, "window": {"outcome": "FAIL"}, "oauth": {"evidence": "../secret"}}
    )
    told["checks"][0]["evidence"] = str(secret)
    found = shown(told, run_folder)
    assert "canary" not in found.text
    assert "pipe.txt: it is no file" in found.text


def test_a_picture_is_known_by_what_it_holds(tmp_path: Path) -> None:
    mine = kept(tmp_path)
    (mine / "page.png").write_text("<script>")
    (mine / "memory.bin").write_bytes(bytes(100))
    found = shown(run({"health": {"outcome": "FAIL"}}), tmp_path)
    assert found.all("img", "src") == []
    assert "memory.bin: 100 bytes that are neither text nor a picture" in found.text


def test_a_page_takes_what_it_has_room_for(tmp_path: Path) -> None:
    """What is left out is named."""
    mine = kept(tmp_path)
    for number in range(40):
        (mine / f"{number:02}.txt").write_text("x" * 10)
    check = document().checks[6]
    files = Evidence(tmp_path, room=25).of(check)
    assert [file.text for file in files[:2]] == ["x" * 10] * 2
    assert files[2].left_out == "10 bytes, for which there is no room here"
    assert (len(files), files[-1].name) == (31, "10 more files")


CHECKS = f"""
@check()
def test_fails(evidence):
    evidence.bytes("window.png", {PNG!r})
    evidence.text("journal.txt", "what it said")
    assert 0, "seen & told"
@check("handlers")
def test_good(): pass
"""


def test_a_run_writes_it_and_so_does_its_verdict_later(
    suite: Suite, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same page, byte for byte, also where the evidence has moved."""
    suite.write(CHECKS)
    file, later = suite.root / "told" / "page.html", suite.root / "later.html"
    ended = suite.run(f"--html={file}")
    assert ended.status == 1
    begun = [check["began"] for check in ended.verdict["checks"]]
    moments = [ended.verdict["began"], *begun, ended.verdict["ended"]]
    assert moments == sorted(moments)
    text = file.read_text("utf-8")
    assert "seen &amp; told" in text
    assert "what it said" in text
    assert "data:image/png;base64," in text
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["page.html"]
    moved = (suite.root / "evidence" / "latest").resolve().rename(suite.root / "artifact")
    for run_ in (moved, moved / "verdict.json"):
        assert main(["verdict", "html", str(run_), "-o", str(later)]) == 0
        assert later.read_text("utf-8") == text
        later.unlink()
    assert main(["verdict", "html", str(suite.root), "-o", str(later)]) == 4
    assert main(["verdict", "html", str(moved), "-o", str(suite.root / "none" / "x")]) == 4
    assert "next: " in capsys.readouterr().err
    assert not later.exists()


def test_a_page_that_cannot_be_written_changes_nothing(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    """And leaves none of an earlier run."""

    def no_room(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    suite.write("@check()\ndef test_it(): assert 0\n")
    file = suite.root / "page.html"
    file.write_text("of an earlier run")
    monkeypatch.setattr(page_file, "write_whole", no_room)
    ended = suite.run(f"--html={file}")
    assert (ended.status, file.exists()) == (1, False)
    assert "page.html: No space left on device" in ended.output


@pytest.mark.parametrize("words", [("-m", "smoke", "--site=none.toml"), ("--collect-only",)])
def test_a_run_without_a_verdict_leaves_no_page_of_an_earlier_one(
    suite: Suite, words: tuple[str, ...]
) -> None:
    suite.write("@check()\ndef test_it(): pass\n")
    file = suite.root / "page.html"
    file.write_text("of an earlier run")
    suite.run(f"--html={file}", *words)
    assert not file.exists()


def test_a_place_that_cannot_be_is_told_first(suite: Suite) -> None:
    suite.write("@check()\ndef test_it(): open('ran', 'w').close()\n")
    ended = suite.run("--html=/dev/null")
    assert (ended.status, (suite.root / "ran").exists()) == (4, False)
    assert "--html=/dev/null: is there, and is no file" in ended.output


def test_the_template_lets_nothing_through_as_it_is() -> None:
    """No filter, block or macro turns the escaping off, and nothing is fetched or run."""
    folder = ROOT / "harness" / "verdict" / "page"
    text = (folder / "page.html.jinja").read_text("utf-8") + (folder / "page.css").read_text("utf-8")
    assert not re.search(r"\|\s*safe|autoescape|Markup|<script|@import|url\(|https?:|javascript:", text)
