"""What an operator reads."""

from __future__ import annotations

from harness.findings import Finding, lasting_findings, report
from harness.mend import Command
from harness.outward import told
from harness.redact import remember


def finding(number: int) -> Finding:
    return Finding(
        f"key {number}", f"pid {number}", "no live row", (Command(("sudo", "kill", "-9", str(number))),)
    )


def test_a_table_of_twenty_and_the_count_and_the_commands() -> None:
    text = report([finding(n) for n in range(23)], "VMMs")
    assert text.splitlines()[0] == "VMMs: 23"
    assert text.count("no live row") == 20
    assert "… and 3 more" in text
    assert text.count("sudo kill -9") == 20
    assert "nothing was changed" in text


def test_a_site_with_nothing_wrong_is_not_looked_at_again() -> None:
    def never() -> list[Finding]:
        raise AssertionError("looked again")

    assert lasting_findings([], never, what="x", timeout_s=1) == []


def test_only_what_every_look_shows_stays() -> None:
    looks = iter([[finding(1), finding(3)], [finding(3)], []])
    stayed = lasting_findings([finding(1), finding(2)], lambda: next(looks, []), what="x", timeout_s=60)
    assert stayed == []
    assert lasting_findings([finding(1)], lambda: [finding(1), finding(2)], what="x", timeout_s=0.01) == [
        finding(1)
    ]


def test_a_mend_that_names_a_secret_is_not_offered_for_pasting() -> None:
    remember("s3cret-folder")
    mend = Command(("sudo", "rm", "-rf", "--", "/var/lib/s3cret-folder/vm-1"))
    text = told(report([Finding("key", "vm-1", "no live row", (mend,))], "entries"))
    assert text.splitlines()[-1].startswith("  # not to be pasted, a secret is left out of it: sudo rm")
