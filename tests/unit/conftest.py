"""Fixtures of the unit tests."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import hypothesis
import pytest

from harness import redact
from harness.custodian import netns, reaper
from tests.unit.peers.modules import as_they_were
from tests.unit.peers.small_controller import SmallController, small_controller
from tests.unit.peers.small_suite import ROOT, Suite, Theirs, plugin_distributions

# How long an example takes, or its making, says how busy the machine is, and nothing of the code.
hypothesis.settings.register_profile(
    "unhurried", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("unhurried")


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With less of the test's name than is usual: a worker's folder lies deep, a socket's path is short."""
    return tmp_path_factory.mktemp(re.sub(r"\W", "_", request.node.name)[:15])


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Iterator[Suite]:
    """An empty small suite; neither the environment nor a lab names a site."""
    monkeypatch.delenv("ACCEPTANCE_SITE", raising=False)
    monkeypatch.setenv("LAB_HOME", str(pytester.path / "no-lab"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(metadata, "distributions", plugin_distributions)
    with as_they_were("fixtures", "harness"):
        yield Suite(pytester)


@pytest.fixture
def theirs(suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> Theirs:
    """A repository of an operator's, elsewhere than the small suite."""
    (suite.root / "tests").mkdir()
    return Theirs(tmp_path_factory.mktemp("theirs"))


@pytest.fixture(autouse=True)
def secrets_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test remembers as secret is nobody else's: looking for thousands of them would take minutes."""
    monkeypatch.setattr(redact, "_known", set(redact._known))


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """A shell has what it starts in the background ignore Ctrl-C, and whatever that starts does so, too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def threads_of_its_own() -> Iterator[None]:
    """Whoever starts a thread ends it: one left to spin takes its time from every test that follows."""
    before = set(threading.enumerate())
    yield
    left = set(threading.enumerate()) - before
    for thread in left:
        thread.join(60)  # on however busy a machine
    assert [thread for thread in left if thread.is_alive()] == []


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """No secret is known at all."""
    monkeypatch.setattr(redact, "_known", set())


@pytest.fixture
def host_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders in place of a host's /run, /run/netns and the disks' parent."""
    for name in ("run", "netns", "disks"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(reaper, "RUNS", tmp_path / "run")
    monkeypatch.setattr(netns, "NAMES", tmp_path / "netns")
    return tmp_path


@pytest.fixture
def controller() -> Iterator[SmallController]:
    """A small controller."""
    with small_controller() as running:
        yield running
