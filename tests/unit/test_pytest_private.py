"""What pytest does for us and does not promise, tried with the pytest that is here: others may differ."""

from __future__ import annotations

import ast
from xml.etree import ElementTree

import pytest

from tests.unit.small_suite import ROOT, Suite

pytest_plugins = ["pytester"]

ADAPTER = ROOT / "fixtures" / "pytest_private.py"
ATTENDED = """
from fixtures.pytest_private import uncaptured

@pytest.fixture
def person(pytestconfig):
    print("kept to itself")
    with uncaptured(pytestconfig):
        print("told to a person")

def test_it(person): pass
"""


def test_a_property_of_the_whole_suite_is_written(suite: Suite) -> None:
    """Also where no test was begun."""
    suite.write("@check()\ndef test_it(): pass\n")
    report = suite.root / "junit.xml"
    suite.run("-m", "acceptance", "-k", "nothing", f"--junitxml={report}")
    top = ElementTree.parse(report).getroot()  # noqa: S314 - written by us a moment ago
    said = {one.get("name"): one.get("value") for one in top.findall("testsuite/properties/property")}
    assert said["verdict"] == "NOT PROVEN"


@pytest.mark.parametrize("columns", [80, 100])
def test_the_checklist_is_as_wide_as_the_terminal(
    suite: Suite, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    """A long line is broken where the terminal ends."""
    monkeypatch.setenv("COLUMNS", str(columns))
    suite.write(f"@check()\ndef test_it(): assert False, {'word ' * 60!r}\n")
    lines = suite.run("tests/host").output.splitlines()
    seen = next(line for line in lines if line.strip().startswith("seen   word"))
    assert columns - 6 < len(seen) <= columns


@pytest.mark.parametrize(("colour", "coloured"), [("yes", True), ("no", False)])
def test_the_checklist_has_the_terminals_colour(suite: Suite, colour: str, coloured: bool) -> None:
    """As pytest decides, by itself or by --color."""
    suite.write("@check()\ndef test_it(): assert False\n")
    lines = suite.run("tests/host", f"--color={colour}").output.splitlines()
    assert ("\x1b[" in next(line for line in lines if "host.it" in line)) is coloured


def test_what_failed_is_told_once(suite: Suite) -> None:
    """pytest's own list of it stays away, whatever -r asks for."""
    suite.write("@check()\ndef test_it(): assert False, 'seen'\n")
    assert "short test summary" not in suite.run("tests/host", "-rA").output


@pytest.mark.parametrize("capture", ["fd", "no"])
def test_a_person_is_told_in_a_fixture(suite: Suite, capture: str) -> None:
    """Whatever pytest captures."""
    suite.write(ATTENDED, file="tests/unit/test_made_up.py")
    output = suite.run(f"--capture={capture}", site=False, apart=True).output
    assert "told to a person" in output
    assert ("kept to itself" in output) is (capture == "no")


def test_nobody_else_uses_private_names() -> None:
    """Neither pytest's modules, nor what its objects keep to themselves."""
    places = [ROOT / "conftest.py", *(ROOT / "fixtures").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    found = []
    for path in places:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if _is_private_import(node) or (path.is_relative_to(ROOT / "fixtures") and _is_private_use(node)):
                found.append(f"{path.relative_to(ROOT)}: {ast.unparse(node)}")
    assert found == [f"{ADAPTER.relative_to(ROOT)}: from _pytest.junitxml import xml_key"]


def _is_private_import(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(name.name.partition(".")[0] == "_pytest" for name in node.names)
    return isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "_pytest"


def _is_private_use(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.endswith("__")
        and ast.unparse(node.value) != "self"
    )
