"""What sites come to together: the worst decides, and what they share is told once."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from harness.fleet.document import FleetDocument, schema
from harness.fleet.judge import judge_fleet
from harness.fleet.report import rendered, site_line, verdict_line
from harness.fleet.result import SiteResult, result_of, unasked, without_verdict
from harness.fleet.sites import FleetSite
from tests.unit.peers.small_suite import ROOT
from tests.unit.peers.verdicts import document, passed

CAUSE = {"name": "guest-kernel-panicked", "text": "t", "where": "", "step": 6, "how": "boot it"}


def site(key: str) -> FleetSite:
    return FleetSite(key, Path(f"/sites/{key}.toml"))


def checks(**of: dict[str, Any]) -> list[dict[str, Any]]:
    """Those of a run that passed, but for these: by the number of the check, and what it says otherwise."""
    return [{**check, **of.get(f"n{place}", {})} for place, check in enumerate(passed()["checks"])]


def result(key: str, outcome: str = "PASS", host: str = "192.0.2.1", **changes: Any) -> SiteResult:
    return result_of(document(outcome=outcome, host={"address": host}, **changes), site(key), machine="m")


def failed(seen: str, **more: Any) -> dict[str, Any]:
    return {"outcome": "FAIL", "seen": seen, **more}


def broken(seen: str) -> dict[str, Any]:
    return {"outcome": "BROKEN", "seen": seen, "hint": "is it up?"}


def fleet(*results: SiteResult, **more: Any) -> FleetDocument:
    return judge_fleet("all", results, scope="smoke", **more)


@pytest.mark.parametrize(
    ("outcomes", "outcome", "status"),
    [
        (["PASS", "PASS"], "PASS", 0),
        (["PASS", "NOT PROVEN"], "NOT PROVEN", 5),
        (["NOT PROVEN", "BROKEN"], "BROKEN", 3),
        (["BROKEN", "FAIL", "PASS"], "FAIL", 1),
        ([], "NOT PROVEN", 5),
    ],
)
def test_the_worst_decides(outcomes: list[str], outcome: str, status: int) -> None:
    judged = fleet(*(result(str(number), one) for number, one in enumerate(outcomes)))
    assert (judged.outcome, judged.exit_status) == (outcome, status)
    assert FleetDocument.model_validate_json(judged.model_dump_json()) == judged


def test_the_worst_is_first() -> None:
    judged = fleet(result("a"), result("b", "BROKEN"), result("d", "FAIL"), result("c", "FAIL"))
    assert [one.key for one in judged.sites] == ["c", "d", "b", "a"]
    assert judged.counts == {"FAIL": 2, "BROKEN": 1, "PASS": 1}


def test_it_took_from_the_first_to_the_last() -> None:
    """Of those that were asked."""
    days = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3, 4)]
    late = result("a", began=days[1].isoformat(), ended=days[3].isoformat())
    early = result("b", began=days[0].isoformat(), ended=days[2].isoformat())
    judged = fleet(late, unasked(site("c"), "not asked"), early)
    assert (judged.began, judged.ended) == (days[0], days[3])
    assert fleet(unasked(site("c"), "not asked")).began is None


def test_the_same_claim_broken_at_many_is_told_once() -> None:
    """Whatever names each saw it in, and once for each cause where a diagnosis was made."""
    judged = fleet(
        result("a", "FAIL", checks=checks(n0=failed("TAP fc-1"))),
        result("b", "FAIL", checks=checks(n0=failed("TAP fc-2"), n1=failed("x"))),
        result("c", "FAIL", checks=checks(n0=failed("TAP fc-3", cause=CAUSE))),
    )
    assert [(one.check, one.cause, one.sites) for one in judged.causes] == [
        ("host.host-clean", "", ["a", "b"]),
        ("host.database-updated", "", ["b"]),
        ("host.host-clean", "guest-kernel-panicked", ["c"]),
    ]
    assert [one.next for one in judged.causes] == [*["step 5: rebuild it"] * 2, "step 6: boot it"]


def test_trouble_is_the_same_without_the_names_of_its_site() -> None:
    """Another trouble of the same check is another cause."""
    one = result("a", "BROKEN", "192.0.2.1", checks=checks(n0=broken("SSH to me@192.0.2.1:22: refused")))
    same = checks(n3=broken("SSH to me@198.51.100.7:2222: refused"))
    two = result("b", "BROKEN", "198.51.100.7", checks=same)
    three = result("c", "BROKEN", "192.0.2.3", checks=checks(n0=broken("SSH to me@192.0.2.3:22: timed out")))
    causes = fleet(one, two, three).causes
    assert [cause.sites for cause in causes] == [["a", "b"], ["c"]]
    assert causes[0].next == "is it up?"


def test_a_name_within_a_longer_one_is_cut_with_it() -> None:
    """Else the rest of the longer one would make it another trouble."""
    seen = checks(n0=broken("no route to mini.example"))
    one = result("a", "BROKEN", "mini.example", site="mini", checks=seen)
    two = result("b", "BROKEN", "other.net", site="b", checks=checks(n0=broken("no route to other.net")))
    assert [cause.sites for cause in fleet(one, two).causes] == [["a", "b"]]


def test_one_trouble_of_many_checks_is_one_finding() -> None:
    found = result("a", "BROKEN", checks=checks(n0=broken("lost"), n2=broken("lost"), n3=broken("other")))
    assert [(one.check, one.more) for one in found.findings] == [
        ("host.host-clean", 1),
        ("host.unit-network", 0),
    ]


def test_a_result_says_where_its_evidence_lies() -> None:
    """On the machine that asked; of a verdict that came from elsewhere nobody knows which that was."""
    verdict = document(evidence="/e/0a1b2c")
    here, elsewhere = result_of(verdict, site("a")), result_of(verdict, site("a"), machine="")
    assert (here.evidence, here.machine, elsewhere.machine) == ("/e/0a1b2c", platform.node(), "")


def test_a_site_has_no_more_findings_than_anybody_reads() -> None:
    many = [{**passed()["checks"][0], "name": f"host.c{n}", **failed("x")} for n in range(200)]
    assert len(result("a", "FAIL", checks=many).findings) == 100


def test_what_is_behind_another_check_is_no_cause() -> None:
    behind = {"outcome": "NOT PROVEN", "behind": "host.host-clean"}
    found = result("a", "FAIL", checks=checks(n0=failed("x"), n1=behind))
    assert [one.check for one in found.findings] == ["host.host-clean"]
    assert found.unproven == 1


def test_trouble_beside_the_checks_is_a_cause() -> None:
    said = {"FAIL": "a test failed", "BROKEN": "internal error", "NOT PROVEN": "a file skipped itself"}
    found = result("a", "FAIL", trouble=[{"outcome": word, "text": text} for word, text in said.items()])
    assert [(one.outcome, one.check, one.seen) for one in found.findings] == [
        ("FAIL", "", "a test failed"),
        ("BROKEN", "", "internal error"),
    ]


def test_runs_without_a_verdict_share_why() -> None:
    """A mistake in every command line, or a profile each, told in the name of each."""
    now = datetime.now(UTC)
    wrong = [
        without_verdict(site(key), f"exit status 4: site profile /sites/{key}.toml: no host", now, now)
        for key in ("a", "b")
    ]
    judged = fleet(*wrong)
    assert (judged.outcome, [one.sites for one in judged.causes]) == ("BROKEN", [["a", "b"]])


def test_the_terminal_has_it_all_in_few_lines() -> None:
    many = [result(f"s{number:03}", "BROKEN", checks=checks(n0=broken("lost"))) for number in range(100)]
    text = rendered(fleet(*many, result("bad", "FAIL", checks=checks(n0=failed("x"))), result("good")))
    assert len(text.splitlines()) < 50
    assert "host.host-clean: 100 of 102 sites" in text
    assert text.index("host.host-clean: 1 of") < text.index("host.host-clean: 100 of")
    assert "PASS         1 site" in text
    assert text.endswith("FLEET VERDICT: FAIL (102 sites in smoke: 1 FAIL, 100 BROKEN, 1 PASS)")


def test_what_is_wrong_is_told_with_what_mends_it() -> None:
    """Seen at the first of its sites, for all of them; and why the others were not asked."""
    judged = fleet(
        result("b", "FAIL", checks=checks(n0=failed("TAP fc-2"))),
        result("a", "FAIL", checks=checks(n0=failed("TAP fc-1"))),
        result("c", "BROKEN", checks=checks(n1=broken("lost"))),
        unasked(site("d"), "not asked"),
        stopped="2 failing",
    )
    lines = [" ".join(line.split()) for line in rendered(judged).splitlines()]
    assert lines[:8] == [
        "FAIL host.host-clean: 2 of 4 sites",
        "sites a, b",
        "seen at a: TAP fc-1",
        "mend step 5: rebuild it",
        "",
        "BROKEN host.database-updated: 1 of 4 sites",
        "sites c",
        "seen at c: lost",
    ]
    assert lines[8] == "next is it up?"
    assert lines[-2] == "stopped: 2 failing"


def test_what_is_left_out_is_said_to_be() -> None:
    """Names of sites that share a cause, causes, and places of evidence."""
    wrong = [
        result(
            f"s{n:02}",
            "FAIL",
            evidence=f"/e/{n}",
            checks=checks(n0=failed("x", cause={**CAUSE, "name": f"c{n}"})),
        )
        for n in range(22)
    ]
    lost = [result(f"t{n}", "BROKEN", checks=checks(n0=broken("lost"))) for n in range(10)]
    text = rendered(fleet(*wrong, *lost))
    assert "… and 3 more causes, in fleet.json" in text
    assert "… and 2 more, in fleet.json" in text
    shared = rendered(fleet(*lost))
    assert "t0, t1, t2, t3, t4, t5, t6, t7 and 2 more\n" in shared


def test_what_was_not_asked_is_told_with_why() -> None:
    judged = fleet(result("a", "FAIL"), *(unasked(site(key), "not asked: 1 failing") for key in "bc"))
    assert "b, c                   not asked: 1 failing" in rendered(judged)
    assert verdict_line(judged) == "FLEET VERDICT: FAIL (3 sites in smoke: 1 FAIL, 2 NOT PROVEN)"


def test_a_line_for_each_site_that_ended() -> None:
    found = result("a", "BROKEN", checks=checks(n0=broken("lost\nssh said: \x1b[2J")))
    assert site_line(found, 3, 100) == "[  3/100] BROKEN      a  300.0 s  host.host-clean: lost"


def test_what_a_site_says_moves_no_cursor() -> None:
    found = result("a", "BROKEN", checks=checks(n0=broken("\x1b[2Jlost")))
    assert "\x1b" not in rendered(fleet(found)) + fleet(found).model_dump_json()


def test_the_schema_is_the_models() -> None:
    assert (ROOT / "docs" / "fleet.schema.json").read_text("utf-8") == schema(), (
        "python -m harness fleet schema > docs/fleet.schema.json"
    )
