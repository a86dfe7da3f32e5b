"""Both ends of the custodian: what it refuses, and which VMM failed, are told apart."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.custodian.cell import Cell, Plan, Refused, VmmFailed
from harness.custodian.owner import Owner
from harness.custodian.service import GREETING, Service
from harness.errors import HarnessError, SshError, VmmError
from harness.host.custodian import Custodian

PEER = f"""
import json, sys
print({GREETING!r} + "{{}}", flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    print(json.dumps({{"id": asked["id"], "error": asked["text"], "vmm": asked["op"] == "make"}}), flush=True)
print('{{"id": 0, "ok": []}}', flush=True)
"""
"""Refuses whatever it is asked, and says of what is made that the VMM failed."""


@pytest.fixture
def custodian() -> Iterator[Custodian]:
    """One that refuses everything."""
    process = subprocess.Popen(
        [sys.executable, "-c", PEER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    custodian = Custodian(process, b"", timeout_s=60, explain=SshError)
    yield custodian
    assert custodian.close() == ""


def test_a_vmm_that_failed_is_told_as_such(custodian: Custodian) -> None:
    with pytest.raises(VmmError, match=r"^it ended with status 1$"):
        custodian.ask("make", timeout_s=60, text="it ended with status 1")


def test_a_refusal_is_no_vmms(custodian: Custodian) -> None:
    with pytest.raises(HarnessError, match="refused: no space left") as caught:
        custodian.ask("copy", timeout_s=60, text="no space left")
    assert not isinstance(caught.value, VmmError)


@pytest.mark.parametrize(("kind", "vmm"), [(VmmFailed, True), (Refused, False), (OSError, False)])
async def test_the_far_end_says_whether_it_was_a_vmm(kind: type[Exception], vmm: bool) -> None:
    async def refuse(_request: object) -> None:
        raise kind("no")

    far: Any = SimpleNamespace(serve=refuse)
    nobody: Any = None
    answer = await Service(far, nobody)._answer({"id": 7, "op": "make_clone"})
    assert (answer["id"], answer["vmm"]) == (7, vmm)


def test_a_place_for_disks_that_is_not_there_is_told_by_its_field(tmp_path: Path) -> None:
    run, disks = "acc-000000", tmp_path / "none" / "acc-000000"
    plan = Plan(f"{run}-1", "vmm", "vmtap0", "192.168.100.1/24", "/golden", str(disks / "1.ext4"), 1)
    cell = Cell(plan, tmp_path / "1", 0, Owner.myself(run, disks))
    with pytest.raises(Refused, match=rf"^state\.clones_dir: there is no folder {disks.parent} on the host$"):
        cell._copy_disk()
