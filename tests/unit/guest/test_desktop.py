"""The desktop of clones: frozen, until a login comes to nothing: what we did ourselves is no finding."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from harness.errors import UnfitVmError
from harness.guest.desktop import Desktop
from harness.guest.identity import AgentLogin
from harness.guest.lanes import Lane, Lanes
from harness.host.hypervisor import Hypervisor
from harness.run import Result
from harness.site.profile import Site
from harness.vm.inside import freezing
from harness.vm.machine import Vm
from tests.unit.peers.small_vm import SmallVm, state
from tests.unit.peers.web_peer import Answer, web_peer

WELL = AgentLogin("codex", 200, "", "https://x/?state=1")
NOTHING = AgentLogin("codex", 0, "no answer within 5 s; the agent is healthy:\n  its journal")
ADDRESS: Answer = (
    200,
    {"Content-Type": "application/json"},
    '{"success": true, "oauthUrl": "https://x/?state=1"}',
)


class FrozenVm(SmallVm):
    """A clone that notes when it is frozen."""

    frozen = False

    def script(self, text: str, *, timeout_s: float) -> Result:
        """What freezes a desktop is said in one word."""
        self.frozen = self.frozen or "cgroup.freeze" in text
        return super().script(text, timeout_s=timeout_s)

    def kill(self) -> None:
        """There is nothing of it to be removed."""


class Clones:
    """Clones of one snapshot, all with one agent."""

    def __init__(self, socket: Path, *, units: tuple[str, ...] = ("chromium.service",)) -> None:
        self.socket = socket
        self.site = Site.model_validate({"name": "nowhere", "guest": {"desktop_units": list(units)}})
        self.count = 0

    def make(self, desktop: Desktop) -> FrozenVm:
        """One more, prepared."""
        self.count += 1
        vm = FrozenVm(self.socket, self.site, said=state())
        vm.name = f"acc-000000-{self.count}"
        desktop.prepare(vm)
        return vm


@pytest.fixture
def answers() -> dict[str, Answer]:
    """How the agent answers."""
    return {"/health": (200, {}, "{}"), "POST /auth/codex": ADDRESS}


@pytest.fixture
def agent(tmp_path: Path, answers: dict[str, Answer]) -> Iterator[tuple[Clones, list[str]]]:
    """Clones, and what is asked of their agent."""
    with web_peer(tmp_path / "a", answers) as asked:
        yield Clones(tmp_path / "a"), asked


def logins(asked: list[str]) -> int:
    """How often somebody logged in."""
    return len([one for one in asked if one.startswith("/auth/")])


def test_logins_that_are_answered_tell_that_it_may_be_frozen(agent: tuple[Clones, list[str]]) -> None:
    """Then nobody needs to find it out."""
    (clones, asked), desktop = agent, Desktop()
    desktop.judge(clones.make(desktop), [WELL])
    vm = clones.make(desktop)
    desktop.find_out(vm, "probe")
    assert (vm.frozen, desktop.needed, logins(asked)) == (True, "", 0)


def test_it_is_found_out_once_in_a_run(agent: tuple[Clones, list[str]]) -> None:
    (clones, asked), desktop = agent, Desktop()
    for _ in range(3):
        desktop.find_out(clones.make(desktop), "probe")
    assert (desktop.needed, logins(asked)) == ("", 1)


@pytest.mark.parametrize("answer", [(0, {}, ""), (504, {}, "the browser did not answer"), (200, {}, "{}")])
def test_a_login_that_comes_to_nothing_leaves_later_clones_their_desktop(
    agent: tuple[Clones, list[str]], answers: dict[str, Answer], answer: Answer
) -> None:
    """And the clone where it did is no more experimented on."""
    (clones, asked), desktop = agent, Desktop()
    answers["POST /auth/codex"] = answer
    with pytest.raises(UnfitVmError, match="its desktop is frozen, and a login came to nothing: codex: "):
        desktop.find_out(clones.make(desktop), "probe")
    again = clones.make(desktop)
    desktop.find_out(again, "probe")
    assert (again.frozen, logins(asked)) == (False, 1)
    assert desktop.needed.startswith("codex: ")


def test_what_comes_of_a_login_beside_a_running_desktop_is_a_finding(
    agent: tuple[Clones, list[str]],
) -> None:
    (clones, _), desktop = agent, Desktop()
    with pytest.raises(UnfitVmError):
        desktop.judge(clones.make(desktop), [WELL, NOTHING])
    assert desktop.needed == "codex: no answer within 5 s"
    desktop.judge(clones.make(desktop), [NOTHING])


def test_a_login_that_was_done_without_it_before_and_comes_to_nothing_is_a_finding(
    agent: tuple[Clones, list[str]],
) -> None:
    """At another provider the agent may need it."""
    (clones, _), desktop = agent, Desktop()
    desktop.judge(clones.make(desktop), [WELL])
    desktop.judge(clones.make(desktop), [NOTHING])
    assert desktop.needed == ""
    with pytest.raises(UnfitVmError):
        desktop.judge(clones.make(desktop), [dataclasses.replace(NOTHING, provider="claude")])
    assert desktop.needed == "claude: no answer within 5 s"


def test_without_a_desktop_nothing_is_frozen_nor_found_out(agent: tuple[Clones, list[str]]) -> None:
    (clones, asked), desktop = agent, Desktop()
    vm = Clones(clones.socket, units=()).make(desktop)
    desktop.find_out(vm, "probe")
    desktop.judge(vm, [NOTHING])
    assert (vm.frozen, desktop.needed, logins(asked)) == (False, "", 0)


WAITED = "started, and not healthy within guest.recovery_s"


def start(desktop: Desktop, vm: Vm, *, needs_it: bool) -> str:
    """The agent is started in a clone; one that needs its desktop comes up where that runs alone."""
    why = WAITED if needs_it and cast(FrozenVm, vm).frozen else ""
    desktop.judge_start(vm, why)
    return vm.name


@pytest.mark.parametrize(("needs_it", "clone"), [(False, "acc-000000-1"), (True, "acc-000000-2")])
def test_an_agent_that_needs_its_desktop_at_start_is_started_beside_one(
    agent: tuple[Clones, list[str]], needs_it: bool, clone: str
) -> None:
    """In a fresh clone, and what became of it in the first is no finding."""
    (clones, _), desktop = agent, Desktop()
    todo = {"restart": lambda vm: start(desktop, vm, needs_it=needs_it)}
    with Lanes(at_once=1, timeout_s=60) as lanes:
        lanes.start([Lane(lambda: clones.make(desktop), todo)])
        assert lanes.observation("restart") == clone
    assert desktop.needed == (WAITED if needs_it else "")


def test_the_field_to_set_is_named(agent: tuple[Clones, list[str]]) -> None:
    (clones, _), desktop = agent, Desktop()
    with pytest.raises(UnfitVmError, match="its desktop is frozen, and the agent did not come up") as caught:
        desktop.judge_start(clones.make(desktop), WAITED)
    assert "guest.desktop_units" in caught.value.hint


@pytest.mark.parametrize("first", [WAITED, ""])
def test_an_agent_that_does_not_come_up_in_any_case_is_a_finding(
    agent: tuple[Clones, list[str]], first: str
) -> None:
    """Beside its desktop; or where it came up without it before."""
    (clones, _), desktop = agent, Desktop()
    with contextlib.suppress(UnfitVmError):
        desktop.judge_start(clones.make(desktop), first)
    desktop.judge_start(clones.make(desktop), WAITED)


def test_a_disk_is_booted_with_the_desktop_that_was_missed(
    agent: tuple[Clones, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its units are masked the first time; that others came up with a frozen one says nothing of that."""
    (clones, _), desktop, told = agent, Desktop(), list[bool]()

    def booted(hypervisor: Hypervisor, *, boot_args: str) -> Vm:
        told.append("systemd.mask=chromium.service" in boot_args)
        vm = FrozenVm(clones.socket, hypervisor.site)
        vm.name = f"acc-000001-{len(told)}"
        return vm

    monkeypatch.setattr("harness.guest.cold_boot.cold_boot", booted)
    desktop.judge_start(clones.make(desktop), "")
    host = cast(Hypervisor, SimpleNamespace(site=clones.site))
    with pytest.raises(UnfitVmError, match="booted without its desktop, and the agent did not come up: why"):
        desktop.judge_start(desktop.boot(host), "why")
    desktop.judge_start(desktop.boot(host), "why")
    assert told == [True, False]
    assert desktop.needed == ""


def test_units_are_frozen_in_whichever_slice_they_are(tmp_path: Path) -> None:
    """And never all that there is, where a unit has no group."""
    root, programs = tmp_path / "cgroup", tmp_path / "bin"
    groups = ("system.slice/chromium.service", "user.slice/user-1000.slice/x.service", "system.slice/other")
    for group in (".", *groups):
        (root / group).mkdir(parents=True, exist_ok=True)
        (root / group / "cgroup.freeze").write_text("0\n")
    programs.mkdir()
    shown = "\\n\\n".join(["/" + groups[0], "", "/" + groups[1], "/gone.slice/y.service"])
    (programs / "systemctl").write_text(f"#!/bin/sh\nprintf '{shown}\\n'\n")
    (programs / "systemctl").chmod(0o755)
    script = freezing(["chromium.service", "x.service"]).replace("/sys/fs/cgroup", str(root))
    path = f"{programs}:{os.environ['PATH']}"
    subprocess.run(["sh", "-c", script], check=False, env={"PATH": path}, timeout=60)
    frozen = [group for group in (".", *groups) if (root / group / "cgroup.freeze").read_text() == "1\n"]
    assert frozen == list(groups[:2])
