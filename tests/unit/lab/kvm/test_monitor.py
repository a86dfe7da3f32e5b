"""QEMU's monitor, asked by the lab."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.wait import wait_until
from lab.minipc.kvm import monitor

QEMU = ("qemu-system-x86_64", "-M", "none", "-nodefaults", "-display", "none", "-S")


@pytest.fixture
def qemu(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A QEMU with no machine in it, stopped."""
    place = tmp_path / "qmp"
    with subprocess.Popen([*QEMU, "-qmp", f"unix:{place},server=on,wait=off"]) as process:
        try:
            wait_until(  # it has a name before anybody listens
                lambda: monitor.status(place),
                what="its monitor",
                timeout_s=60,
                retry_on=(monitor.MonitorError,),
            )
            yield process, place
        finally:
            process.kill()


def test_qemu_tells_what_it_does_and_ends_when_told_to(qemu: tuple[subprocess.Popen[bytes], Path]) -> None:
    process, place = qemu
    assert monitor.status(place) == "prelaunch"
    monitor.end(place)
    assert process.wait(timeout=60) == 0


def test_nobody_there_is_one_message(tmp_path: Path) -> None:
    with pytest.raises(monitor.MonitorError, match="QEMU"):
        monitor.status(tmp_path / "none")
