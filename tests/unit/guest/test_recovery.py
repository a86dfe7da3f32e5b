"""A recovery: one whose end came too late is none, and one that systemd has given up is not waited for."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from harness.guest import recovery as module
from harness.guest.recovery import Recovery, given_up, recovery
from harness.site.profile import Site
from tests.unit.peers.fake_peer import mute_peer
from tests.unit.peers.small_vm import SmallVm
from tests.unit.peers.web_peer import web_peer

HIT = "ActiveState=failed\nSubState=failed\nResult=start-limit-hit\n"
AGAIN = "ActiveState=activating\nSubState=auto-restart\nResult=exit-code\n"


def site(recovery_s: float) -> Site:
    return Site.model_validate({"name": "nowhere", "guest": {"recovery_s": recovery_s}})


def late(*_: object, **__: object) -> bool:
    """An answer that takes longer than a recovery may."""
    time.sleep(0.3)
    return True


def test_a_recovery_is_held_to_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that comes after the deadline comes too late, and no request outlives it by much."""
    with mute_peer(tmp_path / "mute"):
        monkeypatch.setattr(module, "REQUEST_S", 600)
        began = time.monotonic()
        assert recovery(SmallVm(tmp_path / "mute", site(0.2))).seconds is None
        assert time.monotonic() - began < 60
    with web_peer(tmp_path / "a", {"/health": (200, {}, "{}")}):
        assert recovery(SmallVm(tmp_path / "a", site(60))).seconds is not None
        monkeypatch.setattr(module, "answers", late)
        assert recovery(SmallVm(tmp_path / "a", site(0.2))) == Recovery(None)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (HIT, "ActiveState=failed, SubState=failed, Result=start-limit-hit"),
        (
            HIT + "Job=0\nOnFailure=\nTriggeredBy=\n",
            "ActiveState=failed, SubState=failed, Result=start-limit-hit",
        ),
        (
            "ActiveState=inactive\nSubState=dead\nResult=success",
            "ActiveState=inactive, SubState=dead, Result=success",
        ),
        (HIT + "Job=731\n", ""),
        (HIT + "OnFailure=mend-agent.service\n", ""),
        (HIT + "TriggeredBy=browser-vm-auth.timer\n", ""),
        (AGAIN, ""),
        ("ActiveState=active\nSubState=running\nResult=success", ""),
        ("ActiveState=deactivating\nSubState=stop-sigterm\nResult=timeout", ""),
        ("Failed to connect to bus", ""),
        ("", ""),
    ],
)
def test_a_unit_that_nothing_starts_again_is_given_up(said: str, told: str) -> None:
    assert given_up(said) == told


def test_a_wait_ends_with_its_unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a recovery of ten minutes; with what systemd says of it."""
    monkeypatch.setattr(module, "_LOOK_EACH_S", 0.01)
    seen = recovery(SmallVm(tmp_path / "nobody", site(600), said=HIT))
    assert (seen.seconds, seen.given_up) == (None, given_up(HIT))
    assert "systemd has given it up (ActiveState=failed" in seen.told(600)


def test_a_unit_that_waits_for_its_restart_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOOK_EACH_S", 0.01)
    seen = recovery(SmallVm(tmp_path / "nobody", site(0.3), said=AGAIN))
    assert seen == Recovery(None)
    assert seen.told(0.3) == "not healthy within 0.3 s (guest.recovery_s)"


def test_an_agent_that_somebody_else_started_has_recovered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever systemd thinks of its unit: it answers."""
    monkeypatch.setattr(module, "_LOOK_EACH_S", 0.01)
    watches: list[module._Watch] = []

    class Watch(module._Watch):
        def run(self) -> None:
            watches.append(self)
            super().run()

    def answers(*_: object, **__: object) -> bool:
        return any(watch.given_up for watch in watches)

    monkeypatch.setattr(module, "_Watch", Watch)
    monkeypatch.setattr(module, "answers", answers)
    seen = recovery(SmallVm(tmp_path / "nobody", site(600), said=HIT))
    assert seen.seconds is not None
