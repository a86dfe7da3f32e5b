"""The verdict where others look: metrics for Prometheus, one line for Nagios."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from prometheus_client.parser import text_string_to_metric_families

from harness.verdict.cases import ERROR, FAILURE, SKIPPED, Case, cases_of
from harness.verdict.checklist import ITEMS
from harness.verdict.github import NoCommands, remarks, summary
from harness.verdict.metrics import write_metrics
from harness.verdict.nagios import status_line
from harness.verdict.outcome import Outcome, RunVerdict, Scope, judge
from tests.unit.peers.small_suite import Suite
from tests.unit.verdict.test_report import result, run_of

pytest_plugins = ["pytester"]

PASS, FAIL, BROKEN = "pass", "assert 0", "raise VmError('gone')"
LAST = "acceptance_last_pass_timestamp_seconds"


def samples(file: Path) -> dict[tuple[str, str], float]:
    """Name, and the outcome, item or check it is about -> value."""
    families = text_string_to_metric_families(file.read_text("utf-8"))
    return {
        (
            one.name,
            "/".join(one.labels[key] for key in ("item", "check", "outcome") if key in one.labels),
        ): one.value
        for family in families
        for one in family.samples
    }


def test_a_run_is_told_to_prometheus(suite: Suite) -> None:
    suite.write(f"@check()\ndef test_good(): {PASS}\n@check('handlers')\ndef test_bad(): {FAIL}\n")
    file = suite.root / "textfile" / "acceptance.prom"
    assert suite.run(f"--prometheus={file}").status == 1
    said = samples(file)
    assert said["acceptance_run_outcome", "FAIL"] == 1
    assert said["acceptance_run_outcome", "PASS"] == 0
    assert said["acceptance_item_outcome", "handlers/FAIL"] == 1
    assert said["acceptance_checks", "PASS"] == said["acceptance_checks", "FAIL"] == 1
    assert said["acceptance_check_passed", "health/host.good"] == 1
    assert said["acceptance_check_passed", "handlers/host.bad"] == 0
    assert (LAST, "") not in said
    assert file.stat().st_mode & 0o777 == 0o644


def test_the_last_pass_is_remembered_for_its_site_and_scope(tmp_path: Path) -> None:
    """By the file itself: the next run replaces it."""
    file = tmp_path / "a.prom"
    for outcome, at, site, last in (
        (Outcome.PASS, 100.0, "a", 100.0),
        (Outcome.FAIL, 200.0, "a", 100.0),
        (Outcome.BROKEN, 300.0, "a", 100.0),
        (Outcome.FAIL, 400.0, "b", None),
    ):
        results = [result(f"c{n}", outcome, item=key) for n, key in enumerate(ITEMS)]
        write_metrics(file, run_of(*results, facts={"site": site}), exit_status=0, ended=at, seconds=1)
        said = samples(file)
        assert (said.get((LAST, "")), said["acceptance_run_timestamp_seconds", ""]) == (last, at)


def test_a_pass_that_did_not_end_with_0_is_none(tmp_path: Path) -> None:
    """Another plugin may have turned the status."""
    file = tmp_path / "a.prom"
    run = run_of(*(result(f"c{n}", Outcome.PASS, item=key) for n, key in enumerate(ITEMS)))
    write_metrics(file, run, exit_status=3, ended=1, seconds=1)
    said = samples(file)
    assert (said["acceptance_run_outcome", "PASS"], said["acceptance_run_outcome", "BROKEN"]) == (0, 1)
    assert (LAST, "") not in said
    case = cases_of(run, exit_status=3)[-1]
    assert (case.kind, case.message.splitlines()[-1]) == (ERROR, "the run ended with exit status 3")


@pytest.mark.parametrize("left", [b"\xff{{{ no metrics", b"{, =## TYPE ,,a"])
def test_a_file_that_is_no_metrics_is_replaced(tmp_path: Path, left: bytes) -> None:
    file = tmp_path / "a.prom"
    file.write_bytes(left)
    write_metrics(file, run_of(result("a", Outcome.FAIL)), exit_status=1, ended=1, seconds=1)
    assert samples(file)["acceptance_run_outcome", "FAIL"] == 1


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool comes with Debian's prometheus")
def test_names_types_and_units_are_as_prometheus_wants_them(tmp_path: Path) -> None:
    """Also where names hold what its format has to escape."""
    file = tmp_path / "a.prom"
    odd = [result('rows[a"b\\c]', Outcome.FAIL), result("fine", Outcome.PASS)]
    write_metrics(file, run_of(*odd, facts={"site": 'a\\"b'}), exit_status=1, ended=1, seconds=1)
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=file.read_bytes(), capture_output=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_metrics_that_cannot_be_written_change_nothing(suite: Suite) -> None:
    suite.write("@check()\ndef test_it(): open('taken', 'w').close()\n")
    ended = suite.run(f"--prometheus={suite.root}/taken/a.prom")
    assert ended.status == 0
    assert "taken/a.prom" in ended.output


def test_metrics_of_an_earlier_run_do_not_stay_for_this_ones(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    suite.write(f"@check()\ndef test_it(): {FAIL}\n")
    file = suite.root / "a.prom"
    file.write_text('acceptance_run_outcome{outcome="PASS"} 1\n')
    monkeypatch.setattr("harness.verdict.metrics.write_whole", no_room)
    ended = suite.run(f"--prometheus={file}")
    assert (ended.status, file.exists()) == (1, False)
    assert "No space left" in ended.output


LINES = {
    "PASS": (PASS, 0, "ACCEPTANCE OK - VERDICT: PASS"),
    "FAIL": (FAIL, 2, "ACCEPTANCE CRITICAL - VERDICT: FAIL"),
    "BROKEN": (BROKEN, 3, "ACCEPTANCE UNKNOWN - VERDICT: BROKEN"),
    "NOT PROVEN": ("pytest.skip('x')", 3, "ACCEPTANCE UNKNOWN - VERDICT: NOT PROVEN"),
    "cut short": ("pytest.exit('enough')", 3, "ACCEPTANCE UNKNOWN - VERDICT: NOT PROVEN"),
}


@pytest.mark.parametrize(("body", "status", "says"), LINES.values(), ids=LINES.keys())
def test_nagios_has_one_line_and_its_status(suite: Suite, body: str, status: int, says: str) -> None:
    suite.write(f"@check()\ndef test_it(): {body}\n")
    ended = suite.run("--nagios")
    (line,) = ended.output.splitlines()
    assert (ended.status, line.startswith(says)) == (status, True), ended.output
    text, _, data = line.partition(" | ")
    assert "|" not in text
    assert all(re.fullmatch(r"[a-z_]+=[0-9.]+s?;;;0", one) for one in data.split()), data


def test_nagios_is_told_what_is_to_be_mended(suite: Suite) -> None:
    """No site, a wrong profile: nobody could ask."""
    suite.write(f"@check()\ndef test_it(): {PASS}\n")
    ended = suite.run("-m", "smoke", "--nagios", site=False)
    assert ended.status == 3
    assert ended.output.startswith("ACCEPTANCE UNKNOWN - no site: ")
    assert len(ended.output.splitlines()) == 1


def test_nagios_is_told_of_an_option_that_there_is_not(suite: Suite) -> None:
    """As pytest finds it, before a run begins; without Nagios it ends as ever."""
    suite.write(f"@check()\ndef test_it(): {PASS}\n")
    ended = suite.run("--nagios", "--no-such-option", apart=True)
    assert ended.status == 3
    (line,) = ended.output.splitlines()
    assert line == "ACCEPTANCE UNKNOWN - unrecognized arguments: --no-such-option"
    assert suite.run("--no-such-option", apart=True).status == 4


def test_a_pass_that_did_not_end_with_0_is_not_ok() -> None:
    """Another plugin may have turned the status."""
    results = [result(f"c{n}", Outcome.PASS, item=key) for n, key in enumerate(ITEMS)]
    assert status_line(run_of(*results), 0, 1.0)[1] == 0
    assert status_line(run_of(*results), 3, 1.0)[1] == 3
    assert status_line(None, 2, 1.0) == ("ACCEPTANCE UNKNOWN - no verdict: pytest ended with 2", 3)


def test_github_is_told_what_is_red(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    """An annotation for each item and the run, and the whole checklist in the job's summary."""
    page = suite.root / "summary.md"
    page.write_text("# before\n")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    suite.write(f"@check()\ndef test_good(): {PASS}\n@check('handlers')\ndef test_bad(): {FAIL}\n")
    output = suite.run().output
    said = [line for line in output.splitlines() if line.startswith("::")]
    assert [line.split("::")[1] for line in said] == [
        "error title=server.js has error handlers",
        "error title=VERDICT",
    ]
    assert said[0].endswith("::FAIL%0AFAIL: host.bad")
    text = page.read_text("utf-8")
    assert text.startswith("# before\n## Acceptance\n")
    assert "| ❌ | server.js has error handlers | FAIL<br>FAIL: host.bad |\n" in text
    assert "| ✅ | Health check passes |  |\n" in text


SAYS = "::add-mask::x\\n   ::warning::y\\nsee ##[group]z"


@pytest.mark.parametrize("words", [(), ("-v",), ("-qq",)])
def test_what_a_site_says_is_no_command_at_github(
    suite: Suite, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """Wherever it is shown; elsewhere it is shown as it is."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    suite.write(f"@check()\ndef test_bad(): raise VmError('{SAYS}')\n")
    for value, broken in (("true", True), ("false", False)):
        monkeypatch.setenv("GITHUB_ACTIONS", value)
        lines = suite.run("--tb=short", *words).output.splitlines()
        commands = [line for line in lines if line.strip().startswith("::") or "##[" in line]
        foreign = [line for line in commands if not line.startswith("::error title=")]
        assert (foreign == []) is broken, foreign


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (["a ", "::b"], "a ::b"),
        (["a\n", "::b"], "a\n: :b"),
        (["  ", "::b"], "  : :b"),
        (["\x1b[31m", "::b"], "\x1b[31m: :b"),
        (["a\n  ::b\n::c"], "a\n  : :b\n: :c"),
        (["a", "##[b"], "a## [b"),
        (["::ours"], "::ours"),
        (["::ours", "\n", "::b"], "::ours\n: :b"),
    ],
)
def test_a_line_is_known_by_its_head(written: list[str], shown: str) -> None:
    """Whatever pieces it is written in."""
    stream = io.StringIO()
    plain = NoCommands(stream, {"::ours"})
    for text in written:
        assert plain.write(text) == len(text)
    assert stream.getvalue() == shown


def test_what_a_site_says_stays_text_at_github() -> None:
    """Neither a command of a log, nor Markdown."""
    odd = [Case("a:b,c", FAILURE, "::warning::x\n[y](z)|`<b>`")]
    assert list(remarks(odd)) == ["::error title=a%3Ab%2Cc::::warning::x%0A[y](z)|`<b>`"]
    assert "::warning::x<br>\\[y\\]\\(z\\)\\|\\`\\<b\\>\\`" in summary(odd)


SUPPORTS = "@check()\ndef test_good(): pass\n@check('oauth', proves=False)\ndef test_more(): {body}\n"
ASIDE = "OAuth flow completes"


@pytest.mark.parametrize(
    ("body", "status", "kind"), [(PASS, 0, "skipped"), (FAIL, 1, "failure"), (BROKEN, 3, "error")]
)
def test_an_item_that_was_not_to_be_proven_is_red_only_by_what_was_seen(
    suite: Suite, monkeypatch: pytest.MonkeyPatch, body: str, status: int, kind: str
) -> None:
    """Checks that only support it ran: nothing says that it is not so."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    suite.write(SUPPORTS.format(body=body))
    ended = suite.run("--junitxml=a.xml", "--prometheus=a.prom")
    assert ended.status == status
    root = ElementTree.parse(suite.root / "a.xml").getroot()  # noqa: S314 - written by us
    (case,) = [one for one in root.iter("testcase") if one.get("name") == ASIDE]
    assert [one.tag for one in case] == [kind]
    assert any(line.startswith(f"::error title={ASIDE}") for line in ended.output.splitlines()) is bool(
        status
    )
    told = {label for name, label in samples(suite.root / "a.prom") if name == "acceptance_item_outcome"}
    assert ("oauth/NOT PROVEN" in told) is bool(status)


def test_what_keeps_a_run_from_passing_is_named_by_its_item() -> None:
    """Also where that was not to be proven: JUnit's readers see the checks, and the run's line is red."""
    results = result("good", Outcome.PASS), result("aside", Outcome.NOT_PROVEN, item="oauth")
    scope = Scope("partial", frozenset({"health"}))
    cases = {
        one.name: one for one in cases_of(RunVerdict(scope, judge(results, scope), results), exit_status=5)
    }
    assert (cases[ASIDE].kind, cases["VERDICT"].kind) == (SKIPPED, ERROR)
    assert "NOT PROVEN: guest.aside" in cases[ASIDE].message
