"""A check that declares too little stops the run before anything is touched."""

from __future__ import annotations

import pytest

from tests.unit.peers.small_suite import Suite

pytest_plugins = ["pytester"]

ITEM, MEND = '@pytest.mark.item("health")', '@pytest.mark.mend(step=5, how="rebuild")'
CLAIM = 'def test_it():\n    """A claim."""'

FAULTS = {
    "no item": ([MEND, CLAIM], "which line of the checklist"),
    "unknown item": (['@pytest.mark.item("healthy")', MEND, CLAIM], "expected one of host-clean"),
    "no key": (["@pytest.mark.item()", MEND, CLAIM], "expected one of host-clean"),
    "odd argument": (['@pytest.mark.item("health", proof=True)', MEND, CLAIM], "expected one of"),
    "no mend": ([ITEM, CLAIM], "what mends a FAIL?"),
    "no how": ([ITEM, "@pytest.mark.mend(step=5)", CLAIM], "mend: expected step="),
    "empty how": ([ITEM, '@pytest.mark.mend(step=5, how="")', CLAIM], "mend: expected step="),
    "unknown step": ([ITEM, '@pytest.mark.mend(step=8, how="x")', CLAIM], "mend: expected step="),
    "positional": ([ITEM, '@pytest.mark.mend(5, "x")', CLAIM], "mend: expected step="),
    "no claim": ([ITEM, MEND, "def test_it(): pass"], "no docstring"),
    "empty claim": ([ITEM, MEND, 'def test_it():\n    "   "'], "no docstring"),
}


@pytest.mark.parametrize(("lines", "said"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_told_and_nothing_runs(suite: Suite, lines: list[str], said: str) -> None:
    """Exit status 4, the check named, what was expected."""
    suite.write("@pytest.mark.acceptance\n" + "\n".join(lines) + "\n")
    ended = suite.run()
    assert ended.status == 4
    assert "tests/host/test_made_up.py::test_it: " in ended.output
    assert said in ended.output
    assert "INTERNALERROR" not in ended.output


def test_smoke_alone_is_refused(suite: Suite) -> None:
    """The smoke checks are a part of the acceptance checks."""
    suite.write(f"@pytest.mark.smoke\n{ITEM}\n{MEND}\n{CLAIM}\n")
    assert suite.run().status == 4


@pytest.mark.parametrize("file", ["tests/unit/test_a.py", "tests/host/deeper/test_a.py", "test_a.py"])
def test_a_check_outside_its_layer_is_refused(suite: Suite, file: str) -> None:
    """The folder is the first part of a check's name."""
    suite.write("@check()\ndef test_it(): pass\n", file=file)
    ended = suite.run(".")
    assert ended.status == 4
    assert "a check lives in tests/<layer>/" in ended.output


def test_two_checks_of_one_name_are_refused(suite: Suite) -> None:
    """A name stands for one check, in the verdict and in a profile."""
    suite.write("@check()\ndef test_it(): pass\n", file="tests/host/test_a.py")
    suite.write("@check()\ndef test_it(): pass\n", file="tests/host/test_b.py")
    ended = suite.run()
    assert ended.status == 4
    assert "its name host.it is taken by tests/host/test_a.py::test_it" in ended.output


def test_an_unknown_marker_is_refused(suite: Suite) -> None:
    """A slip in a marker's name would take a check out of the run."""
    suite.write("@pytest.mark.acceptence\ndef test_it(): pass\n")
    assert suite.run().status == 2


def test_a_fault_in_a_deselected_check_is_told_too(suite: Suite) -> None:
    """What is wrong does not depend on what is asked."""
    suite.write(f"@pytest.mark.acceptance\n{CLAIM}\n@check()\ndef test_other(): pass\n")
    assert suite.run("-k", "other").status == 4


def test_the_claim_is_the_first_paragraph_on_one_line(suite: Suite) -> None:
    """As the verdict shows it."""
    suite.write(
        '@check()\ndef test_it():\n    """One claim,\n    told on two lines.\n\n'
        '    Why it matters.\n    """\n'
    )
    assert suite.run().verdict["checks"][0]["claim"] == "One claim, told on two lines."


def test_the_list_of_checks(suite: Suite) -> None:
    """--list-checks writes a page, runs nothing, and needs no site."""
    suite.write("@pytest.mark.parametrize('n', [1, 2])\n@check(smoke=True)\ndef test_it(n): assert False\n")
    page = suite.root / "checks.md"
    assert suite.run("--list-checks", str(page), site=False).status == 0
    assert page.read_text().count("| `host.it` | A claim. | smoke | runbook step 5 |") == 1
