"""What a test starts can be interrupted, however the tests themselves were started."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from lab import firecracker
from lab.paths import lab_paths


def pytest_addoption(parser: pytest.Parser) -> None:
    """Which Firecracker the lab's VMM is held against."""
    parser.addoption(
        "--firecracker",
        type=Path,
        metavar="FILE",
        help="hold the lab's VMM against this Firecracker, and let the driver drive it "
        f"(default: {firecracker.VERSION}, fetched once)",
    )


@pytest.fixture(scope="session")
def given_vmm(request: pytest.FixtureRequest) -> Path | None:
    """The Firecracker that was named, if one was."""
    given: Path | None = request.config.getoption("--firecracker", default=None)
    return None if given is None else given.resolve(strict=True)


@pytest.fixture(scope="session")
def original(given_vmm: Path | None) -> Path:
    """The original Firecracker: the one that was named, else the pinned one."""
    return given_vmm or firecracker.original(lab_paths()) / "firecracker"


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """A shell has what it starts in the background ignore Ctrl-C, and whatever that starts does so, too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
