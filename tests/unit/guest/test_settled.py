"""A unit is at rest when it is active with nothing pending, and its agent healthy; that is waited for."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import TransportError, UnfitVmError
from harness.guest.settled import settle
from harness.run import Result
from harness.site.profile import Site
from tests.unit.peers.small_vm import SmallVm
from tests.unit.peers.web_peer import web_peer

AMPLE_S, SHORT_S = 60.0, 2.0
"""For what comes to rest on however busy a machine, and for what never does."""
HEAD = "MainPID=7\\nNRestarts=0\\n"
AT_REST = "ActiveState=active\\nSubState=running\\n"
_SYSTEMCTL = """#!/bin/sh
echo "$@" >>{folder}/asked
case "$*" in
*MainPID*) printf '{head}' ;;
show*) n=$(cat {folder}/n 2>/dev/null || echo 0); echo $((n + 1)) >{folder}/n
    if [ "$n" -lt {after} ]; then printf '{before}'; else printf '{then}'; fi ;;
esac
"""


class ShellVm(SmallVm):
    """A clone whose systemd is a script of ours."""

    def __init__(self, folder: Path, *, before: str, after: int, recovery_s: float = AMPLE_S) -> None:
        site = Site.model_validate({"name": "nowhere", "guest": {"recovery_s": recovery_s}})
        super().__init__(folder / "agent", site)
        self.folder = folder
        program = folder / "bin/systemctl"
        program.parent.mkdir()
        told = _SYSTEMCTL.format(folder=folder, head=HEAD, before=before, then=AT_REST, after=after)
        program.write_text(told)
        program.chmod(0o755)

    def script(self, text: str, *, timeout_s: float) -> Result:
        """Run it here."""
        environment = {"PATH": f"{self.folder}/bin:/usr/bin:/bin"}
        done = subprocess.run(
            ["sh", "-c", text],
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        return Result(("sh",), done.returncode, done.stdout, done.stderr)

    @property
    def asked(self) -> list[str]:
        """What its systemd was asked."""
        return (self.folder / "asked").read_text().splitlines()


@pytest.fixture
def healthy(tmp_path: Path) -> Iterator[Path]:
    """A folder with a healthy agent."""
    with web_peer(tmp_path / "agent", {"/health": (200, {}, "{}")}):
        yield tmp_path


UNSETTLED = {
    "restarting": "ActiveState=activating\\nSubState=auto-restart\\n",
    "stopped": "ActiveState=inactive\\nSubState=dead\\n",
    "failed": "ActiveState=failed\\nSubState=failed\\n",
    "about to stop": AT_REST + "Job=412\\n",
}


@pytest.mark.parametrize("before", UNSETTLED.values(), ids=UNSETTLED)
def test_it_is_waited_for(healthy: Path, before: str) -> None:
    """And starts that were counted are forgotten."""
    vm = ShellVm(healthy, before=before, after=1)
    settle(vm)
    assert [one.split()[0] for one in vm.asked] == ["show", "show", "show", "reset-failed"]


def test_one_at_rest_costs_one_look(healthy: Path) -> None:
    vm = ShellVm(healthy, before="", after=0)
    settle(vm)
    assert [one.split()[0] for one in vm.asked] == ["show", "show", "reset-failed"]


@pytest.mark.parametrize("before", UNSETTLED.values(), ids=UNSETTLED)
def test_one_that_never_is_leaves_the_clone_unfit(healthy: Path, before: str) -> None:
    with pytest.raises(UnfitVmError, match=r"not at rest within 2 s of an experiment; its unit: Act"):
        settle(ShellVm(healthy, before=before, after=99, recovery_s=SHORT_S))


def test_an_agent_that_is_not_healthy_leaves_it_so_too(tmp_path: Path) -> None:
    with (
        web_peer(tmp_path / "agent", {"/health": (503, {}, "{}")}),
        pytest.raises(UnfitVmError, match="GET /health answers 200"),
    ):
        settle(ShellVm(tmp_path, before="", after=0, recovery_s=SHORT_S))


def test_a_guest_that_does_not_tell_is_our_trouble(healthy: Path) -> None:
    vm = ShellVm(healthy, before="", after=0)
    (healthy / "bin/systemctl").write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(TransportError, match="did not tell its agent's state"):
        settle(vm)
