"""How a fault is made of a function, which checks it asks, and what it expects of them."""

from __future__ import annotations

import subprocess
from contextlib import AbstractContextManager, nullcontext

import pytest

from lab import npm
from lab.faults.controller import _NODE, _PYTHON, on
from lab.faults.deployments import NOT_ON
from lab.faults.fault import LAYERS, all_faults, fault
from lab.faults.host import vmm
from lab.faults.host.network import bridge_down
from lab.faults.patient import Patient
from lab.minipc import deployment
from tests.unit.peers.small_suite import ROOT


def bridge_gone(_: Patient) -> AbstractContextManager[None]:
    """The bridge is gone.

    Nothing is left of it.
    """
    return nullcontext()


bridge_gone.__module__ = "lab.faults.host.network"


def test_a_fault_is_named_after_its_layer_and_function_and_says_what_breaks() -> None:
    made = fault(reds={"host.bridge_up"})(bridge_gone)
    assert (made.name, made.breaks) == ("host.bridge_gone", "The bridge is gone.\n\nNothing is left of it.")


def test_a_fault_asks_what_its_layer_asks_unless_it_says_otherwise() -> None:
    assert fault(reds={"host.bridge_up"})(bridge_gone).asks == LAYERS["host"]
    assert fault(reds={"host.bridge_up"}, asks=("db",))(bridge_gone).asks == ("db",)


@pytest.mark.parametrize(
    ("node", "asked"),
    [
        ("tests/db/test_access.py::test_reachable", True),
        ("tests/host/test_vmm.py::test_vmm_runs", True),
        ("tests/host/test_room.py::test_room_on_disk", False),
        ("tests/host/test_snapshot.py::test_snapshot_present", True),
        ("tests/host/test_snapshot.py::test_snapshot_present[a row]", True),
        ("tests/host/test_snapshot.py::test_snapshot_presents", False),
    ],
)
def test_what_is_asked_is_a_layer_a_file_or_a_check(node: str, asked: bool) -> None:
    asks = ("db", "host/test_vmm.py", "host/test_snapshot.py::test_snapshot_present")
    assert fault(asks=asks)(bridge_gone).is_asked(node) is asked


def test_a_check_stands_for_all_its_rows_or_is_followed_by_one() -> None:
    made = fault(reds={"one", "two[x]"}, broken={"three"})(bridge_gone)
    checks = ("one", "one[x]", "two[x]", "two[y]", "three", "four")
    assert [made.expected(check) for check in checks] == ["FAIL", "FAIL", "FAIL", "PASS", "BROKEN", "PASS"]
    assert made.unknown(["one[x]", "two[y]", "three"]) == {"two[x]"}


def test_a_row_stands_for_every_guest_and_a_guest_for_every_row() -> None:
    made = fault(reds={"one[session]", "two[x]", "three[golden]"})(bridge_gone)
    checks = ("one[golden-x]", "one[session-y]", "two[golden-x]", "two[session-x]", "two[golden-y]")
    assert [made.expected(check) for check in checks] == ["PASS", "FAIL", "FAIL", "FAIL", "PASS"]
    assert [made.expected(check) for check in ("three[golden]", "three[session]")] == ["FAIL", "PASS"]
    assert made.unknown([*checks, "three[session]"]) == {"three[golden]"}


def test_a_consequence_is_behind_the_faults_own_check() -> None:
    made = fault(reds={"one"}, behind={"two[golden]": "one[golden]", "three": "one"})(bridge_gone)
    checks = ("one[golden]", "two[golden-x]", "two[session-x]", "three")
    assert [made.expected(check) for check in checks] == ["FAIL", "NOT PROVEN", "PASS", "NOT PROVEN"]
    roots = ("", "one[golden]", "one[session]", "two[golden]")
    assert [made.is_behind("two[golden-x]", root) for root in roots] == [False, True, False, False]
    assert [made.is_behind("three", root) for root in roots] == [False, True, True, False]
    assert [made.is_behind("two[session-x]", root) for root in roots] == [True, False, False, False]
    assert made.unknown(["one", "two[session]"]) == {"two[golden]", "three"}


def test_what_is_behind_is_behind_what_the_fault_turns_red_or_breaks() -> None:
    """And nothing is said of a check twice; alone is asked only what is behind another."""
    for one in all_faults():
        own = {name.partition("[")[0] for name in one.reds | one.broken}
        assert {root.partition("[")[0] for root in one.behind.values()} <= own, one.name
        assert not one.behind.keys() & (one.reds | one.broken), one.name
        assert one.alone <= one.behind.keys(), one.name


def test_all_others_may_be_broken() -> None:
    made = fault(reds={"one"}, others_broken=True)(bridge_gone)
    assert [made.expected(check) for check in ("one", "two")] == ["FAIL", "BROKEN"]


def test_every_fault_is_found_layer_by_layer_by_name_and_says_what_breaks() -> None:
    found = all_faults()
    assert {one.name for one in found} >= {"db.shared_pid", "host.bridge_down", "guest.restored"}
    assert found == sorted(found, key=lambda one: (list(LAYERS).index(one.name.split(".")[0]), one.name))
    assert not [one.name for one in found if not one.breaks]


def test_two_faults_of_one_name_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are in two files of a layer, where nothing else would notice."""
    monkeypatch.setattr(vmm, "FAULTS", (bridge_down,), raising=False)
    with pytest.raises(ValueError, match=r"host\.bridge_down"):
        all_faults()


def test_what_a_deployment_cannot_have_is_a_fault_and_is_said_in_the_documentation() -> None:
    page = (ROOT / "docs/lab.md").read_text()
    known = {one.name: one for one in all_faults()}
    for name in deployment.DEPLOYMENTS:
        for one, why in NOT_ON.get(name, {}).items():
            assert one in known
            assert f"| `{one}` | {why} |" in page


def test_a_defect_is_said_in_the_language_of_each_controller() -> None:
    """Each program is one that its language can read."""
    defect = on("POST", "/cancel", python="pass", node="return body;")
    compile(_PYTHON.program(defect.python), "defective", "exec")
    program = _NODE.program(defect.node)
    done = subprocess.run(
        [npm.node(), "--check", "-"], input=program.encode(), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
