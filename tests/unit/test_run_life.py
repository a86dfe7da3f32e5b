"""The life of a run: who does what in which hook, as fixtures/verdict/plugin.py tells it."""

from __future__ import annotations

import ast
import json
from typing import Any

from tests.unit.small_suite import ROOT, Suite

pytest_plugins = ["pytester"]

RUN = """
@check(smoke=True)
def test_ok(): pass
@check("handlers")
def test_bad(evidence):
    evidence.text("seen", "x")
    print("said")
    assert 1 == 2, "handlers are missing"
@pytest.fixture
def late():
    yield
    raise VmError("left behind")
@check("unit-network")
def test_late(late): pass
@check("oauth")
def test_expected(): pytest.xfail("known")
@check("window")
def test_out(): assert False
"""


def hooks() -> set[tuple[str, str]]:
    """Every hook of pytest's that a file of ours implements, but for its options."""
    return {
        (node.name, path.stem)
        for path in (ROOT / "fixtures").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("pytest_")
    }


def test_the_life_of_a_run_is_told_in_full() -> None:
    """Each hook in a point of its own, and whoever implements it named there."""
    source = (ROOT / "fixtures" / "verdict" / "plugin.py").read_text("utf-8")
    told = ast.get_docstring(ast.parse(source)) or ""
    points = told.split("\n- ")[1:]
    untold = {
        (hook, who)
        for hook, who in hooks()
        if not any(f"``{hook}``" in point and f"``{who}``" in point for point in points)
    }
    assert untold == set()


def kept(suite: Suite) -> dict[str, Any]:
    """What one run came to, without what differs from run to run."""
    ended = suite.run("-m", "acceptance", "-q")
    run = suite.root / "evidence" / "latest"
    text = json.dumps({**ended.verdict, "status": ended.status})
    return {
        "verdict": json.loads(text.replace(ended.verdict["run"], "RUN"), parse_float=lambda _: 0),
        "evidence": sorted(str(path.relative_to(run)) for path in run.rglob("*")),
    }


def test_the_order_of_the_plugins_changes_nothing(suite: Suite) -> None:
    """Where two of ours share a hook, priorities decide, and not who is imported first."""
    suite.profile('name = "nowhere"\n[not_applicable]\n"host.out" = "no window here"\n')
    suite.write(RUN)
    before = kept(suite)
    conftest = suite.root / "conftest.py"
    text = conftest.read_text()
    assert "pytest_plugins = [" in text
    conftest.write_text(f"{text}\npytest_plugins.reverse()\n")
    assert kept(suite) == before
    assert {check["outcome"] for check in before["verdict"]["checks"]} == {
        *("PASS", "FAIL", "BROKEN", "NOT PROVEN", "n/a"),
    }
    assert any("traceback-call.txt" in name for name in before["evidence"])
