"""What a run must prove: all nine items, the smoke ones, or those that were asked."""

from __future__ import annotations

import pytest

from tests.unit.peers.small_suite import Suite

pytest_plugins = ["pytester"]

NINE = "".join(f"@check(ITEMS[{n}])\ndef test_{n}(): pass\n" for n in range(9))

NARROWED = {
    "-k": ("-k", "test"),
    "--deselect": ("--deselect", "tests/host/test_none.py"),
    "--ignore": ("--ignore", "tests/nowhere"),
    "one file": ("tests/host/test_made_up.py",),
    "one check": ("tests/host/test_made_up.py::test_0",),
    "one layer of two": ("tests/host",),
}


@pytest.mark.parametrize("words", NARROWED.values(), ids=NARROWED.keys())
def test_a_narrowed_full_run_is_not_proven(suite: Suite, words: tuple[str, ...]) -> None:
    """-m acceptance promises every check: even where all nine items came out PASS it was not everything."""
    suite.write(NINE)
    suite.write("@check()\ndef test_more(): pass\n", file="tests/guest/test_more.py")
    ended = suite.run("-m", "acceptance", *words)
    assert (ended.status, ended.verdict["outcome"]) == (5, "NOT PROVEN")
    assert "Narrowed, so not the whole checklist" in ended.output


@pytest.mark.parametrize("words", [(), ("tests",), (".",), ("tests/host", "tests/guest")])
def test_naming_every_layer_is_a_full_run(suite: Suite, words: tuple[str, ...]) -> None:
    """Paths that leave nothing out."""
    suite.write(NINE)
    suite.write("@check()\ndef test_more(): pass\n", file="tests/guest/test_more.py")
    assert suite.run("-m", "acceptance", *words).status == 0


SMOKE = """
@check('health', smoke=True)
def test_quick(): pass
@check('health')
def test_slow(): assert False
@check('handlers')
def test_other(): assert False
@check('oauth', proves=False, smoke=True)
def test_support(): {support}
"""


def test_smoke_must_prove_the_items_that_it_can(suite: Suite) -> None:
    """Items with a proving smoke check; slow checks and other items are not asked."""
    suite.write(SMOKE.format(support="pass"))
    ended = suite.run("-m", "smoke")
    assert ended.status == 0
    assert "VERDICT: PASS (smoke: 1 of 1 items PASS)" in ended.output
    assert [i["key"] for i in ended.verdict["items"] if i["in_scope"]] == ["health"]


def test_a_supporting_smoke_check_can_redden(suite: Suite) -> None:
    """Every check that ran counts, whatever the scope."""
    suite.write(SMOKE.format(support="assert False"))
    assert suite.run("-m", "smoke").status == 1


def test_a_part_of_smoke_is_not_proven(suite: Suite) -> None:
    """The other quick checks were promised, too."""
    suite.write(SMOKE.format(support="pass"))
    assert suite.run("-m", "smoke", "-k", "quick").status == 5


def test_a_partial_run_says_so(suite: Suite) -> None:
    """Without -m acceptance, only what was asked counts."""
    suite.write(NINE)
    ended = suite.run("-k", "test_2 or test_3")
    assert ended.status == 0
    assert "VERDICT: PASS (partial run: 2 of 2 items PASS)" in ended.output
    assert "not asked in this run" in ended.output


def test_another_expression_is_a_partial_run(suite: Suite) -> None:
    """Only the exact words promise the whole."""
    suite.write(NINE)
    assert suite.run("-m", "acceptance and not smoke").verdict["scope"]["name"] == "partial"


def test_not_applicable_is_shown_and_never_a_pass(suite: Suite) -> None:
    """The profile's reason, a line of its own, and an item that loses its only proof."""
    suite.profile('name = "x"\n[not_applicable]\n"host.7" = "no dashboard here"\n')
    suite.write(NINE)
    ended = suite.run("-m", "acceptance")
    assert (ended.status, ended.outcome("host.7"), ended.item("window")) == (5, "n/a", "NOT PROVEN")
    assert "Not applicable to this site:" in ended.output
    assert "host.7: no dashboard here" in ended.output


def test_not_applicable_beside_a_proof_leaves_the_proof(suite: Suite) -> None:
    """One check of an item cannot apply, another proves it."""
    suite.profile('name = "x"\n[not_applicable]\n"guest.more" = "cold boots only"\n')
    suite.write(NINE)
    suite.write("@check()\ndef test_more(): assert False\n", file="tests/guest/test_more.py")
    assert suite.run("-m", "acceptance").status == 0


@pytest.mark.parametrize(("name", "outcomes"), [("rows", ["n/a", "n/a"]), ("rows[1]", ["n/a", "PASS"])])
def test_not_applicable_names_a_row_or_all_of_them(suite: Suite, name: str, outcomes: list[str]) -> None:
    """A check with rows can be named with its row, or without."""
    suite.profile(f'name = "x"\n[not_applicable]\n"host.{name}" = "because"\n')
    suite.write("@pytest.mark.parametrize('n', [1, 2])\n@check()\ndef test_rows(n): pass\n")
    ended = suite.run()
    assert [check["outcome"] for check in ended.verdict["checks"]] == outcomes


@pytest.mark.parametrize("name", ["host.gone", "guest.0", "0", "host.rows[3]", "host.0[x]"])
def test_an_unknown_name_stops_the_run(suite: Suite, name: str) -> None:
    """A name that no check has would silently do nothing."""
    suite.profile(f'name = "x"\n[not_applicable]\n"{name}" = "because"\n')
    suite.write(NINE + "@pytest.mark.parametrize('n', [1])\n@check()\ndef test_rows(n): pass\n")
    ended = suite.run("tests/host")
    assert ended.status == 4
    assert f"not_applicable: no such check: {name}" in ended.output


def test_a_name_in_a_file_that_was_not_collected_is_known(suite: Suite) -> None:
    """A partial run does not refuse a profile that is right."""
    suite.profile('name = "x"\n[not_applicable]\n"guest.more" = "because"\n')
    suite.write(NINE)
    suite.write("@check()\ndef test_more(): pass\n", file="tests/guest/test_more.py")
    assert suite.run("tests/host").status == 0


def test_the_projects_own_tests_are_not_read_for_a_verdict(suite: Suite) -> None:
    """They hold no checks, need more than a site does, and cost time."""
    suite.write(NINE)
    suite.write("import no_such_module\n", file="tests/unit/test_a.py")
    assert suite.run("-m", "acceptance").status == 0
    assert suite.run().status == 2
