"""Whether this machine's own KVM is used: a guest must have been seen to come up in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.minipc.kvm import probe

LINE = probe.CAME_UP.decode()


def program(folder: Path, script: str) -> Path:
    """A VMM that does that."""
    file = folder / "firecracker"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file


def test_a_guest_that_came_up_was_seen(tmp_path: Path) -> None:
    vmm = program(tmp_path, f"echo 'Linux version 6.1'; echo '{LINE}: unable to mount root'; exec sleep 60")
    assert probe.comes_up(vmm, tmp_path / "vmlinux", deadline_s=60)


@pytest.mark.parametrize(
    "script",
    [
        "echo 'Successfully started microvm that was configured from one single json'; exec sleep 60",
        "echo 'Linux version 6.1'; exec sleep 60",
        "echo 'Error creating KVM object: No such file'; exit 1",
        "exit 0",
    ],
)
def test_a_vmm_that_started_proves_nothing(script: str, tmp_path: Path) -> None:
    """Nor do a kernel's first lines: a host may interpret it, one instruction after the other."""
    assert not probe.comes_up(program(tmp_path, script), tmp_path / "vmlinux", deadline_s=0.5)


@pytest.mark.parametrize(("said", "nests"), [("Y\n", True), ("1\n", True), ("N\n", False), ("0\n", False)])
def test_a_kvm_that_does_not_nest_is_of_no_use(said: str, nests: bool, tmp_path: Path) -> None:
    file = tmp_path / "nested"
    assert not probe.nests((file,))
    file.write_text(said)
    assert probe.nests((tmp_path / "none", file)) is nests
