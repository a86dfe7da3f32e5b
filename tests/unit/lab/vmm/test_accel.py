"""Whether KVM is used, by a stand-in for QEMU that says on the serial console what it is told to say."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lab.vmm.logger import Logger
from lab.vmm.qemu import accel, process

_STAND_IN = """#!{python}
import os, re, sys, time
serial = int(re.search(r"fd=(\\d+)", " ".join(sys.argv))[1])
open({starts!r}, "a").write("x")
os.write(serial, {said!r})
time.sleep({stays})
"""


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that offers KVM, and a kernel to try there."""
    for name in ("kvm", "vmlinux"):
        (tmp_path / name).touch()
    monkeypatch.setattr(accel, "KVM", tmp_path / "kvm")
    monkeypatch.setattr(accel, "FINDINGS", tmp_path / "findings")
    monkeypatch.setattr(accel, "DEADLINE", 60.0)
    return tmp_path / "vmlinux"


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, said: bytes, *, stays: float) -> Path:
    """Put it in QEMU's place; the file grows by a byte with each of its starts."""
    starts, program = folder / "starts", folder / "qemu"
    text = _STAND_IN.format(python=sys.executable, starts=str(starts), said=said, stays=stays)
    program.write_text(text)
    program.chmod(0o755)
    monkeypatch.setattr(process, "PROGRAM", str(program))
    return starts


def test_kvm_is_used_where_the_kernel_comes_up(kernel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried once, and what was found is kept."""
    said = b"Linux version 6.1\n" + accel.CAME_UP + b": Unable to mount root fs\n"
    starts = stand_in(kernel.parent, monkeypatch, said, stays=60)
    assert [accel.choose(str(kernel), Logger("test")) for _ in range(2)] == ["kvm", "kvm"]
    assert starts.read_text() == "x"


@pytest.mark.parametrize(("said", "stays"), [(b"Linux version 6.1\n", 60), (b"cannot set an MSR\n", 0)])
def test_kvm_is_not_used_where_it_does_not(
    kernel: Path, monkeypatch: pytest.MonkeyPatch, said: bytes, stays: float
) -> None:
    """A host may interpret a kernel, which then prints its first lines at once, or QEMU may end itself."""
    starts = stand_in(kernel.parent, monkeypatch, said, stays=stays)
    deadline = 1.0
    while not starts.exists():  # nor did the stand-in itself come up in time
        deadline *= 2
        monkeypatch.setattr(accel, "DEADLINE", deadline)
        monkeypatch.setattr(accel, "FINDINGS", kernel.with_name(f"findings-{deadline}"))
        assert [accel.choose(str(kernel), Logger("test")) for _ in range(2)] == ["tcg", "tcg"]
    assert starts.read_text() == "x"


def test_the_processors_counter_is_timed_the_same_again() -> None:
    """However busy the machine is: a look that had to wait for a processor does not count."""
    first, second = accel.tsc_khz(), accel.tsc_khz()
    assert abs(first - second) < first / 1000
