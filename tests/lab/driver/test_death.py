"""Nothing outlives a run, however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.host.hypervisor import Hypervisor
from harness.site.profile import Site
from harness.wait import wait_until
from tests.lab.driver.traces import ROOT, processes, traces

pytestmark = pytest.mark.lab

# A second is what it takes; the rest is for a machine with other things to do.
_GONE_S = 60


@dataclass(frozen=True)
class Holder:
    """A process that holds a host with two clones."""

    process: subprocess.Popen[str]
    run: str
    custodian: int
    directory: Path
    state: Path

    def left(self) -> list[str]:
        """What there is of it."""
        own = [str(self.directory)] if self.directory.exists() else []
        return own + traces(self.run, self.state)


@pytest.fixture
def holder(profile: dict[str, Any], tmp_path: Path, disk: Path) -> Iterator[Holder]:
    """Two clones held by a process of its own."""
    path = tmp_path / "profile.json"
    path.write_text(json.dumps(profile))
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.lab.driver.holder", str(path), "2"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    held = json.loads(process.stdout.readline())
    assert held["states"] == ["Not started", "Not started"]
    state = disk.parent.parent
    yield Holder(process, held["run"], held["custodian"], Path(held["directory"]), state)
    process.kill()
    process.communicate()


def test_what_is_there_is_seen(holder: Holder) -> None:
    assert len(holder.left()) >= 8  # or the tests below would prove nothing


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_run_leaves_nothing(holder: Holder, number: signal.Signals) -> None:
    holder.process.send_signal(number)
    wait_until(holder.left, what="nothing is left", timeout_s=_GONE_S, until=lambda left: left == [])


def test_a_killed_custodian_takes_its_vmms_along(holder: Holder, site: Site) -> None:
    os.kill(holder.custodian, signal.SIGKILL)
    wait_until(
        lambda: processes(f"--id\0acc-{holder.run}"),
        what="the VMMs are gone",
        timeout_s=_GONE_S,
        until=lambda left: left == [],
    )
    holder.process.kill()
    holder.process.wait()
    with Hypervisor(site) as following:
        assert [line for line in following.reaped if f"acc-{holder.run}" in line] != []
        wait_until(holder.left, what="nothing is left", timeout_s=_GONE_S, until=lambda left: left == [])


def test_a_live_run_is_left_alone(holder: Holder, site: Site) -> None:
    before = holder.left()
    with Hypervisor(site) as following:
        assert [line for line in following.reaped if f"acc-{holder.run}" in line] == []
    assert holder.left() == before
