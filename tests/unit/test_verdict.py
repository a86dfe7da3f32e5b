"""Every way a check can end, and the run's exit status then: nothing ends green by accident."""

from __future__ import annotations

import pytest

from tests.unit.peers.small_suite import Suite

pytest_plugins = ["pytester"]

PASS, FAIL, BROKEN, NOT_PROVEN = (0, "PASS"), (1, "FAIL"), (3, "BROKEN"), (5, "NOT PROVEN")

ENDINGS = {
    "passes": ("def test_it(): pass", PASS),
    "async": ("async def test_it(): pass", PASS),
    "assertion": ("def test_it(): assert 1 == 2", FAIL),
    "async assertion": ("async def test_it(): assert 1 == 2", FAIL),
    "pytest.fail": ("def test_it(): pytest.fail('no')", FAIL),
    "nothing raised": ("def test_it():\n    with pytest.raises(OSError): pass", FAIL),
    "group of assertions": ("def test_it(): raise ExceptionGroup('g', [AssertionError('a')])", FAIL),
    "group with trouble": (
        "def test_it(): raise ExceptionGroup('g', [AssertionError('a'), OSError('b')])",
        BROKEN,
    ),
    "assertion in a helper": ("def test_it(): helper()\ndef helper(): assert False", FAIL),
    "assertion in a library": (
        "def test_it():\n    import unittest.mock as m; m.Mock().assert_called()",
        BROKEN,
    ),
    "our own trouble": ("def test_it(): raise VmError('lost', hint='look')", BROKEN),
    "KeyError": ("def test_it(): {}['x']", BROKEN),
    "warning": ("def test_it():\n    import warnings\n    warnings.warn('old')", BROKEN),
    "SystemExit 0": ("def test_it(): raise SystemExit(0)", BROKEN),
    "returns": ("def test_it(): return False", BROKEN),
    "skip": ("def test_it(): pytest.skip('no machine')", NOT_PROVEN),
    "skip mark": ("@pytest.mark.skip(reason='later')\ndef test_it(): pass", NOT_PROVEN),
    "skipif mark": ("@pytest.mark.skipif(True, reason='later')\ndef test_it(): pass", NOT_PROVEN),
    "importorskip": ("def test_it(): pytest.importorskip('no_such_module')", NOT_PROVEN),
    "xfail": ("@pytest.mark.xfail(reason='known')\ndef test_it(): assert False", NOT_PROVEN),
    "xfail not run": ("@pytest.mark.xfail(run=False)\ndef test_it(): assert False", NOT_PROVEN),
    "xfail said": ("def test_it(): pytest.xfail('known')", NOT_PROVEN),
    "xpass": ("@pytest.mark.xfail(strict=False)\ndef test_it(): pass", NOT_PROVEN),
    "strict xpass": ("@pytest.mark.xfail(strict=True)\ndef test_it(): pass", NOT_PROVEN),
    "subtest fails": (
        "def test_it(subtests):\n"
        "    with subtests.test('a'): assert False\n"
        "    with subtests.test('b'): pass",
        FAIL,
    ),
    "subtest breaks": ("def test_it(subtests):\n    with subtests.test('a'): raise VmError('x')", BROKEN),
    "subtest skips": ("def test_it(subtests):\n    with subtests.test('a'): pytest.skip('x')", NOT_PROVEN),
    "subtest passes": ("def test_it(subtests):\n    with subtests.test('a'): pass", PASS),
}

FIXTURES = {
    "setup assertion": ("assert False", "", "pass", BROKEN),
    "setup trouble": ("raise VmError('x')", "", "pass", BROKEN),
    "setup skip": ("pytest.skip('x')", "", "pass", NOT_PROVEN),
    "teardown trouble": ("", "raise VmError('x')", "pass", BROKEN),
    "teardown assertion": ("", "assert False", "pass", BROKEN),
    "teardown after a FAIL": ("", "raise VmError('x')", "assert False", FAIL),
    "teardown after trouble": ("", "raise VmError('x')", "raise OSError('y')", BROKEN),
    "teardown after a skip": ("", "raise VmError('x')", "pytest.skip('x')", BROKEN),
    "teardown skips": ("", "pytest.skip('x')", "pass", NOT_PROVEN),
}


@pytest.mark.parametrize(("body", "expected"), ENDINGS.values(), ids=ENDINGS.keys())
def test_a_check_ends_as(suite: Suite, body: str, expected: tuple[int, str]) -> None:
    """One check, asked by its path: its outcome is the run's."""
    suite.write(f"@check()\n{body}\n")
    ended = suite.run("tests/host")
    assert (ended.status, ended.outcome("host.it")) == expected
    assert ended.verdict["outcome"] == expected[1]
    assert f"VERDICT: {expected[1]} (partial run" in ended.output


@pytest.mark.parametrize(("before", "after", "body", "expected"), FIXTURES.values(), ids=FIXTURES.keys())
@pytest.mark.parametrize("scope", ["function", "session"])
def test_a_fixture_ends_as(
    suite: Suite, scope: str, before: str, after: str, body: str, expected: tuple[int, str]
) -> None:
    """Trouble before or after the claim is ours, and never hides a FAIL."""
    suite.write(
        f"@pytest.fixture(scope='{scope}')\ndef state():\n"
        f"    {before or 'pass'}\n    yield\n    {after or 'pass'}\n"
        f"@check()\ndef test_it(state): {body}\n"
    )
    ended = suite.run("tests/host")
    assert (ended.status, ended.outcome("host.it")) == expected


MIXES = {
    "FAIL over BROKEN": ("assert False", "raise VmError('x')", 1),
    "FAIL over NOT PROVEN": ("assert False", "pytest.skip('x')", 1),
    "BROKEN over NOT PROVEN": ("raise VmError('x')", "pytest.skip('x')", 3),
    "NOT PROVEN over PASS": ("pytest.skip('x')", "pass", 5),
    "PASS": ("pass", "pass", 0),
}


@pytest.mark.parametrize(("one", "other", "status"), MIXES.values(), ids=MIXES.keys())
def test_the_worst_decides_the_run(suite: Suite, one: str, other: str, status: int) -> None:
    """A run is as bad as its worst check, whichever comes first."""
    suite.write(f"@check()\ndef test_a(): {one}\n@check('oauth')\ndef test_b(): {other}\n")
    assert suite.run("tests/host").status == status
    suite.write(f"@check()\ndef test_a(): {other}\n@check('oauth')\ndef test_b(): {one}\n")
    assert suite.run("tests/host").status == status


def test_a_try_that_passes_later_does_not_help(suite: Suite) -> None:
    """A plugin that runs a failed check again cannot make it green."""
    (suite.root / "again.py").write_text(
        "from _pytest.runner import runtestprotocol\n"
        "def pytest_runtest_protocol(item, nextitem):\n"
        "    for last in (False, True):\n"
        "        item._initrequest()\n"
        "        reports = runtestprotocol(item, nextitem=nextitem, log=False)\n"
        "    for report in reports:\n"
        "        item.ihook.pytest_runtest_logreport(report=report)\n"
        "    return True\n"
    )
    suite.write("tries = []\n@check()\ndef test_it():\n    tries.append(1)\n    assert len(tries) > 1\n")
    suite.pytester.syspathinsert()
    ended = suite.run("-p", "again", "tests/host")
    assert (ended.status, ended.outcome("host.it")) == (1, "FAIL")


def test_every_item_proven_is_green(suite: Suite) -> None:
    """The one way to exit status 0 of the whole suite."""
    suite.write(
        "@pytest.mark.parametrize('n', [1])\n@check()\ndef test_rows(n): pass\n"
        + "".join(f"@check(ITEMS[{n}])\ndef test_{n}(): pass\n" for n in range(9))
    )
    ended = suite.run("-m", "acceptance")
    assert ended.status == 0
    assert "VERDICT: PASS (9 of 9 items PASS)" in ended.output
    assert "10 passed in" in ended.output


def test_one_unproven_item_is_not_green(suite: Suite) -> None:
    """Eight of nine is not all."""
    suite.write("".join(f"@check(ITEMS[{n}])\ndef test_{n}(): pass\n" for n in range(8)))
    ended = suite.run("-m", "acceptance")
    assert ended.status == 5
    assert "VERDICT: NOT PROVEN (8 of 9 items PASS, 1 NOT PROVEN)" in ended.output
    assert "no check that proves it was asked" in ended.output


def test_supporting_checks_prove_nothing(suite: Suite) -> None:
    """proves=False can redden an item, never turn it green."""
    suite.write(
        "".join(f"@check(ITEMS[{n}])\ndef test_{n}(): pass\n" for n in range(8))
        + "@check('oauth', proves=False)\ndef test_oauth(): pass\n"
    )
    ended = suite.run("-m", "acceptance")
    assert (ended.status, ended.item("oauth")) == (5, "NOT PROVEN")
    suite.write("@check('oauth', proves=False)\ndef test_oauth(): assert False\n")
    ended = suite.run("-m", "acceptance")
    assert (ended.status, ended.item("oauth")) == (1, "FAIL")


def test_a_skipped_proof_beside_a_passing_support_is_not_proven(suite: Suite) -> None:
    """An item needs every check of it, and a proving one among those that passed."""
    suite.write("@check()\ndef test_a(): pytest.skip('x')\n@check(proves=False)\ndef test_b(): pass\n")
    ended = suite.run("tests/host")
    assert (ended.status, ended.item("health")) == (5, "NOT PROVEN")


def test_a_file_that_cannot_be_read_is_red(suite: Suite) -> None:
    """An error while collecting, even where the rest would run on."""
    suite.write("@check()\ndef test_it(): pass\n")
    suite.write("import no_such_module\n", file="tests/guest/test_bad.py")
    assert suite.run().status == 2
    ended = suite.run("--continue-on-collection-errors")
    assert (ended.status, ended.verdict["outcome"]) == (3, "BROKEN")
    assert "tests/guest/test_bad.py could not be read" in ended.output


def test_a_file_that_skips_itself_is_not_green(suite: Suite) -> None:
    """A skip of a whole file leaves no check behind to be missed."""
    suite.write("@check()\ndef test_it(): pass\n")
    suite.write("pytest.importorskip('no_such_module')\n", file="tests/guest/test_gone.py")
    ended = suite.run()
    assert (ended.status, ended.verdict["outcome"]) == (5, "NOT PROVEN")
    assert "tests/guest/test_gone.py skipped itself" in ended.output


def test_no_rows_is_red(suite: Suite) -> None:
    """A table that came out empty is an error, not nothing."""
    suite.write("@pytest.mark.parametrize('row', [])\n@check()\ndef test_it(row): pass\n")
    assert suite.run("tests/host").status == 2


@pytest.mark.parametrize("words", [("-k", "nonsense"), ("-m", "smoke"), ("--deselect", "tests/host")])
def test_nothing_selected_is_not_proven(suite: Suite, words: tuple[str, str]) -> None:
    """Everything deselected."""
    suite.write("@check()\ndef test_it(): pass\n")
    assert suite.run(*words).status == 5


def test_an_empty_suite_is_not_proven(suite: Suite) -> None:
    """Nothing to run at all."""
    (suite.root / "tests").mkdir()
    ended = suite.run("-m", "acceptance")
    assert ended.status == 5
    assert "VERDICT: NOT PROVEN (0 of 9 items PASS, 9 NOT PROVEN)" in ended.output


INTERRUPTIONS = {
    "Ctrl-C": ("raise KeyboardInterrupt", 2),
    "SIGTERM": ("__import__('signal').raise_signal(15)", 2),
    "pytest.exit": ("pytest.exit('enough')", 2),
    "pytest.exit with 0": ("pytest.exit('enough', returncode=0)", 5),
}


@pytest.mark.parametrize(("body", "status"), INTERRUPTIONS.values(), ids=INTERRUPTIONS.keys())
def test_an_interrupted_run_is_not_proven(suite: Suite, body: str, status: int) -> None:
    """What did not run to its end has proven nothing."""
    suite.write(f"@check()\ndef test_a(): pass\n@check('oauth')\ndef test_b(): {body}\n")
    ended = suite.run("tests/host", apart=True)
    assert ended.status == status
    assert ended.verdict["outcome"] == "NOT PROVEN"
    assert ended.outcome("host.a") == "PASS"
    assert ended.outcome("host.b") == "NOT PROVEN"
    assert "the run was cut short" in ended.output


def test_stopping_at_the_first_failure_leaves_the_rest_unproven(suite: Suite) -> None:
    """-x: what never ran is owed."""
    suite.write("@check()\ndef test_a(): assert False\n@check('oauth')\ndef test_b(): pass\n")
    ended = suite.run("-x", "tests/host")
    assert (ended.status, ended.outcome("host.b")) == (1, "NOT PROVEN")
    assert "it did not run" in ended.output


def test_setting_up_only_proves_nothing(suite: Suite) -> None:
    """--setup-only calls no check."""
    suite.write("@check()\ndef test_it(): pass\n")
    assert suite.run("--setup-only", "tests/host").status == 5


@pytest.mark.parametrize("option", ["--collect-only", "--fixtures", "--fixtures-per-test"])
def test_only_looking_judges_nothing(suite: Suite, option: str) -> None:
    """No site is needed to list checks or fixtures."""
    suite.write("@check()\ndef test_it(): pass\n")
    ended = suite.run(option, site=False)
    assert ended.status == 0
    assert "VERDICT" not in ended.output


PLAIN = {"passes": ("pass", 0), "fails": ("assert False", 1), "skips": ("pytest.skip('x')", 5)}


@pytest.mark.parametrize(("body", "status"), PLAIN.values(), ids=PLAIN.keys())
def test_a_plain_test_ends_as(suite: Suite, body: str, status: int) -> None:
    """Tests that are no checks: no site, no verdict, and a skip is no pass there either."""
    suite.write(f"def test_it(): {body}\n", file="tests/unit/test_plain.py")
    ended = suite.run(site=False)
    assert ended.status == status
    assert "VERDICT" not in ended.output


def test_a_failing_plain_test_reddens_a_green_verdict(suite: Suite) -> None:
    """A run that mixes both is as bad as the worst of all."""
    suite.write("@check()\ndef test_it(): pass\n")
    suite.write("def test_plain(): assert False\n", file="tests/unit/test_plain.py")
    assert suite.run().status == 1
