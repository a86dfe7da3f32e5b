"""Waiting for a clone's agent: to the deadline and not beyond, whatever its answer says."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from harness.errors import VmmError, WaitTimeoutError
from harness.guest.cold_boot import observe_cold_boot
from harness.site.profile import Site
from tests.unit.peers.fake_peer import mute_peer
from tests.unit.peers.small_vm import SmallVm
from tests.unit.peers.web_peer import web_peer

SITE = Site.model_validate({"name": "nowhere", "guest": {"request_s": 240, "boot_health_s": 0.3}})


@pytest.mark.parametrize("said", ["up", "", "[1]", '{"status": "ok"}'])
def test_an_agent_that_answers_200_is_healthy(tmp_path: Path, said: str) -> None:
    """What it says is a claim of its own, which is asked about elsewhere."""
    with web_peer(tmp_path / "a", {"/health": (200, {}, said)}):
        vm = SmallVm(tmp_path / "a", SITE)
        vm.wait_healthy(60)
    assert 0 < vm.timings["healthy"] < 60


def test_no_request_outlives_the_deadline(tmp_path: Path) -> None:
    """Though one alone would be given more time."""
    began = time.monotonic()
    with mute_peer(tmp_path / "a"), pytest.raises(WaitTimeoutError, match=r"not within 0\.3 s"):
        SmallVm(tmp_path / "a", SITE).wait_healthy(0.3)
    assert time.monotonic() - began < 60


def test_a_vmm_that_ended_is_not_waited_for(tmp_path: Path) -> None:
    with (
        web_peer(tmp_path / "a", {"/health": (0, {}, "")}),
        pytest.raises(VmmError, match="is gone: it ended with status 0"),
    ):
        SmallVm(tmp_path / "a", SITE, alive=False).wait_healthy(60)


@pytest.mark.parametrize(
    ("alive", "told"), [(False, "is gone: it ended with status 0"), (True, "not within 0.3 s")]
)
def test_a_cold_boot_that_fails_is_observed_with_its_console(tmp_path: Path, alive: bool, told: str) -> None:
    """A kernel that panics ends its VMM: that is what there is to see, and no trouble of ours."""
    with web_peer(tmp_path / "a", {"/health": (0, {}, "")}):
        seen = observe_cold_boot(SmallVm(tmp_path / "a", SITE, alive=alive, read="Kernel panic"))
    assert (seen.healthy_s, seen.state, seen.console) == (None, None, "Kernel panic")
    assert told in seen.error
