"""What people and machines read at the end: the terminal, JUnit's file, verdict.json."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from harness.verdict.checklist import CHECKLIST
from harness.verdict.outcome import Check, CheckResult, Outcome, RunVerdict, Scope, judge
from harness.verdict.report import one_line, rendered
from tests.unit.peers.small_suite import ROOT, Suite

pytest_plugins = ["pytester"]

ALL = frozenset(item.key for item in CHECKLIST)


def result(name: str, outcome: Outcome, **fields: str) -> CheckResult:
    """One check's result, its item the first word of its name."""
    item = fields.pop("item", "health")
    check = Check(
        f"guest.{name}", f"n::{name}", f"Claim of {name}.", item, True, False, 4, "edit the unit file"
    )
    return CheckResult(check, outcome, **{"seen": "", **fields})  # type: ignore[arg-type]


def run_of(*results: CheckResult, **fields: object) -> RunVerdict:
    """A full run's verdict on these."""
    scope = Scope("acceptance", ALL)
    return RunVerdict(scope, judge(results, scope), results, **fields)  # type: ignore[arg-type]


def text_of(verdict: RunVerdict, *, verbose: bool = False) -> str:
    """As on a terminal without colour, 80 columns wide."""
    return rendered(verdict, width=80, colour=False, verbose=verbose)


def test_a_fail_says_what_was_seen_where_and_what_mends_it() -> None:
    """The five lines an operator needs."""
    text = text_of(
        run_of(result("after", Outcome.FAIL, seen="After= lacks it", where="guest clone acc-1 on minipc"))
    )
    assert (
        "FAIL         Health check passes\n"
        "             1 check: 1 FAIL\n"
        "  FAIL       guest.after\n"
        "             claim  Claim of after.\n"
        "             seen   After= lacks it\n"
        "             where  guest clone acc-1 on minipc\n"
        "             mend   runbook step 4: edit the unit file\n"
    ) in text


def test_trouble_says_what_to_do_next_and_names_no_mending() -> None:
    """The runbook mends the site, not our way to it."""
    text = text_of(run_of(result("after", Outcome.BROKEN, seen="no answer", hint="look at sshd")))
    assert "             next   look at sshd\n" in text
    assert "mend" not in text


def test_the_same_trouble_is_told_once_a_run() -> None:
    """A dead host breaks every check in the same words, whichever item it belongs to."""
    results = [result(f"c{number}", Outcome.BROKEN, seen="no SSH") for number in range(5)]
    results += [result(f"d{number}", Outcome.BROKEN, seen="no SSH", item="handlers") for number in range(2)]
    run = run_of(*results)
    text = text_of(run)
    assert text.count("no SSH") == 1
    assert "  BROKEN     guest.d0 and 1 more\n" in text  # the checklist's order
    assert "BROKEN       Health check passes (5 BROKEN, as guest.d0)\n" in text
    assert "  BROKEN     guest.c4, as guest.d0\n" in text_of(run, verbose=True)


def test_what_a_site_breaks_is_told_in_full_each_time() -> None:
    """Two claims that fail in the same words are two findings."""
    text = text_of(run_of(*(result(f"c{n}", Outcome.FAIL, seen="no such unit") for n in range(3))))
    assert text.count("no such unit") == 3


def test_passing_checks_are_named_only_when_asked() -> None:
    """-v"""
    verdict = run_of(result("fine", Outcome.PASS))
    assert "guest.fine" not in text_of(verdict)
    assert "  PASS       guest.fine\n" in text_of(verdict, verbose=True)


def test_a_long_message_is_shortened() -> None:
    """The rest is in the evidence."""
    text = text_of(run_of(result("rows", Outcome.FAIL, seen="\n".join(f"row {n}" for n in range(30)))))
    assert "row 5\n" in text
    assert "row 6\n" not in text
    assert "… 24 more lines in the evidence" in text


def test_eighty_columns_hold_every_line() -> None:
    """Long words excepted, which must stay whole to be copied."""
    seen = "a sentence of ordinary words that goes on and on " * 20
    verdict = run_of(
        *(
            result(f"c{n}", Outcome.FAIL, seen=seen, where=seen, item=item.key)
            for n, item in enumerate(CHECKLIST)
        ),
        advice=[("guest.c1", seen)],
        leftovers=[seen],
        trouble=[(Outcome.BROKEN, seen)],
    )
    assert max(map(len, text_of(verdict).splitlines())) <= 80


def test_markup_in_a_message_stays_text() -> None:
    """Brackets are common in what systems say."""
    assert "seen   [red]x[/red] [bold]" in text_of(
        run_of(result("a", Outcome.FAIL, seen="[red]x[/red] [bold]"))
    )


def test_colour_only_where_there_is_a_terminal() -> None:
    """Logs of CI stay readable."""
    verdict = run_of(result("a", Outcome.FAIL, seen="x"))
    assert "\x1b[" not in text_of(verdict)
    assert "\x1b[" in rendered(verdict, width=80, colour=True, verbose=False)


def test_the_last_line_is_the_verdict_in_words() -> None:
    """Counts by outcome."""
    verdict = run_of(result("a", Outcome.PASS), result("b", Outcome.FAIL, item="handlers"))
    assert one_line(verdict) == "VERDICT: FAIL (1 of 9 items PASS, 1 FAIL, 7 NOT PROVEN)"
    assert text_of(verdict).splitlines()[-1] == one_line(verdict)


RUN = """
@check(smoke=True, step="troubleshooting", how="open port 8080")
def test_ok(): pass
@check(item="handlers")
def test_bad(advice):
    advice("MemoryLimit= is deprecated")
    assert 1 == 2, "handlers are missing"
@pytest.fixture
def late(leftovers):
    leftovers("removed namespace acc-000000-1")
    yield
    raise VmError("left behind")
@check(item="unit-network")
def test_late(late): pass
"""


def test_junit_carries_outcome_and_item(suite: Suite) -> None:
    """Properties of each test case, and of the whole suite."""
    suite.write(RUN)
    report = suite.root / "junit.xml"
    suite.run("-m", "acceptance", f"--junitxml={report}")
    top = ElementTree.parse(report).getroot()  # noqa: S314 - written by us a moment ago
    found = [case for case in top.iter("testcase") if case.get("classname") != "checklist"]
    cases = {case.get("name"): _properties(case) for case in found}
    assert cases["test_ok"] == {
        "check": "host.ok",
        "outcome": "PASS",
        "item": "health",
        "mend": "runbook, Troubleshooting: open port 8080",
    }
    assert {name: case["outcome"] for name, case in cases.items()} == {
        "test_ok": "PASS",
        "test_bad": "FAIL",
        "test_late": "BROKEN",
    }
    suite_wide = next(_properties(element) for element in top.iter("testsuite"))
    assert (suite_wide["verdict"], suite_wide["item:handlers"], suite_wide["item:oauth"]) == (
        "FAIL",
        "FAIL",
        "NOT PROVEN",
    )


def _properties(element: ElementTree.Element) -> dict[str, str]:
    return {one.get("name", ""): one.get("value", "") for one in element.findall("properties/property")}


def test_verdict_json_carries_everything(suite: Suite) -> None:
    """And docs/verdict.md names every key of it."""
    suite.write(RUN)
    ended = suite.run("-m", "acceptance")
    verdict = ended.verdict
    assert (verdict["format"], verdict["site"], verdict["outcome"]) == (2, "nowhere", "FAIL")
    assert verdict["exit_status"] == ended.status == 1
    assert verdict["leftovers"] == ["removed namespace acc-000000-1"]
    assert verdict["advice"] == [{"check": "host.bad", "text": "MemoryLimit= is deprecated"}]
    assert [item["key"] for item in verdict["items"]] == [item.key for item in CHECKLIST]
    bad = next(check for check in verdict["checks"] if check["name"] == "host.bad")
    assert (bad["seen"], bad["where"], bad["step"]) == ("handlers are missing", "192.0.2.1", 5)
    page = (ROOT / "docs" / "verdict.md").read_text()
    keys = {*verdict, *verdict["items"][0], *verdict["checks"][0]}
    assert {key for key in keys if f"`{key}`" not in page} == set()


def test_the_terminal_tells_advice_and_leftovers(suite: Suite) -> None:
    """They change no outcome, and are worth knowing."""
    suite.write(RUN)
    output = suite.run("-m", "acceptance").output
    assert "  - host.bad: MemoryLimit= is deprecated" in output
    assert "Left on the host, and what became of it:\n  - removed namespace acc-000000-1" in output


def test_a_failure_is_told_without_the_path_through_our_code(suite: Suite) -> None:
    """What was seen; the traceback is in the evidence, and on the terminal where it was asked for."""
    suite.write(RUN + "@check()\ndef test_lost(): raise VmError('lost', hint='look')\n")
    output = suite.run("-m", "acceptance").output
    assert "FAIL: handlers are missing\n" in output
    assert "seen   lost\n" in output
    assert "BROKEN: lost" not in output  # it would only repeat the checklist
    assert "assert 1 == 2" not in output
    assert ">       assert 1 == 2" in suite.run("-m", "acceptance", "--tb=long").output


def test_pytests_own_last_line_stays(suite: Suite) -> None:
    """CI reads it."""
    suite.write(RUN)
    last = suite.run("-m", "acceptance").output.strip().splitlines()[-1]
    assert "1 failed, 2 passed, 1 error in" in last


REDS = {
    "a FAIL": (("-m", "acceptance"), "assert False", {"FAIL": "failure"}),
    "a BROKEN": (("-m", "acceptance"), "raise VmError('gone')", {"BROKEN": "error"}),
    "nothing that could tell": (("-m", "acceptance"), "pytest.skip('later')", {"NOT PROVEN": "error"}),
    "a run that was narrowed": (("-m", "smoke", "-k", "ok"), "pass", {"NOT PROVEN": "error"}),
    "a run that was cut short": (("tests/host",), "pytest.exit('enough')", {"NOT PROVEN": "error"}),
    "all green": (("tests/host",), "pass", {}),
}


@pytest.mark.parametrize(("words", "body", "red"), REDS.values(), ids=REDS.keys())
def test_junit_is_as_red_as_the_exit_status(
    suite: Suite, words: tuple[str, ...], body: str, red: dict[str, str]
) -> None:
    """Whoever reads its test cases alone sees the verdict, too."""
    suite.write(f"@check(smoke=True)\ndef test_ok(): {body}\n")
    report = suite.root / "junit.xml"
    ended = suite.run(*words, f"--junitxml={report}")
    whole = ElementTree.parse(report).getroot()[0]  # noqa: S314 - written by us a moment ago
    bad = int(whole.get("failures", "")) + int(whole.get("errors", ""))
    assert (bad > 0) is (ended.status != 0) is bool(red)
    cases = {
        case.get("name"): case for case in whole.iter("testcase") if case.get("classname") == "checklist"
    }
    assert len(cases) == len(CHECKLIST) + 1
    for outcome, tag in red.items():
        found = cases["VERDICT"].find(tag)
        assert found is not None
        assert f"VERDICT: {outcome}" in (found.text or "")


def test_junits_file_of_an_earlier_run_does_not_stay_where_none_began(suite: Suite) -> None:
    """A profile that is wrong: what was green last week says nothing of today."""
    suite.profile("name = 1")
    report = suite.root / "junit.xml"
    report.write_text("<testsuites/>")
    suite.write(RUN)
    assert suite.run("-m", "smoke", f"--junitxml={report}").status == 4
    assert not report.exists()


DEAD = """
@pytest.fixture(scope="session")
def host(): raise HarnessError("SSH to h: nothing listens there\\n  ssh said: refused", hint="is sshd up?")

""" + "".join(
    f"@pytest.mark.parametrize('n', range(8))\n@check({key!r}, smoke=True)\ndef test_{n}(host, n): pass\n"
    for n, key in enumerate(
        ["host-clean", "database-updated", "snapshot-rebuilt", "session-launches", "health"]
    )
)


def test_a_dead_host_is_one_screen(suite: Suite) -> None:
    """All that pytest prints of it, too."""
    suite.write(DEAD)
    output = suite.run("-m", "smoke").output
    assert output.count("nothing listens there") == 1
    assert len(output.splitlines()) <= 30, output


def test_quieter_still_is_the_verdicts_line(suite: Suite) -> None:
    """-qq: a letter for each check, and what the run came to."""
    suite.write(DEAD)
    lines = suite.run("-m", "smoke", "-qq").output.split()
    assert lines[2:5] == ["VERDICT:", "BROKEN", "(smoke:"], lines
