"""Which process is the agent, found by a real shell among real processes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from harness.guest.agent_process import ask_for_inspector, found
from harness.run import Result
from harness.site.profile import Site
from tests.unit.peers.small_vm import SmallVm

NOBODY = 4_194_303  # above the highest pid that there is


def chosen(folder: Path, main: int, listening: str) -> str:
    """What the shell takes for the agent, where this is what ss says."""
    (folder / "ss").write_text(f"#!/bin/sh\necho '{listening}'\n")
    (folder / "ss").chmod(0o755)
    script = f"pid={main}\n{found(8080)}\necho $agent"
    env = {"PATH": f"{folder}:{os.environ['PATH']}"}
    return subprocess.run(
        ["sh", "-c", script], env=env, capture_output=True, text=True, check=True
    ).stdout.strip()


def users(*pids: int) -> str:
    """What ss says of a listener that these processes share."""
    told = ",".join(f'("node",pid={pid},fd={n})' for n, pid in enumerate(pids))
    return f"LISTEN 0 511 0.0.0.0:8080 0.0.0.0:* users:({told})"


def test_the_owner_of_the_port_is_the_agent(tmp_path: Path) -> None:
    """If it is of the unit; and the main process, if it is one of several."""
    with subprocess.Popen(["sleep", "60"]) as main, subprocess.Popen(["sleep", "60"]) as other:
        try:
            assert chosen(tmp_path, main.pid, users(other.pid)) == str(other.pid)
            assert chosen(tmp_path, main.pid, users(other.pid, main.pid)) == str(main.pid)
            assert chosen(tmp_path, main.pid, users(NOBODY)) == str(main.pid)
            assert chosen(tmp_path, main.pid, "") == str(main.pid)
            assert chosen(tmp_path, 0, users(other.pid)) == "0"
        finally:
            main.kill()
            other.kill()


class Guest(SmallVm):
    """Its systemd knows one process as the unit's main one."""

    main = 0

    def script(self, text: str, *, timeout_s: float) -> Result:
        """What a shell here says."""
        shown = f"systemctl() {{ printf 'MainPID={self.main}\\nNRestarts=0\\n'; }}\nss() {{ :; }}\n"
        done = subprocess.run(
            ["sh", "-c", shown + text], capture_output=True, text=True, timeout=timeout_s, check=False
        )
        return Result(("sh",), done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(("program", "asked"), [("node", True), ("sleep", False)])
def test_only_who_catches_the_signal_is_sent_it(tmp_path: Path, program: str, asked: bool) -> None:
    """Whoever does not, would die of it."""
    lives = ["-e", "console.log('up'); setInterval(() => {}, 1000)"] if asked else ["60"]
    env = {**os.environ, "NODE_OPTIONS": "--no-warnings --inspect-port=0"}
    vm = Guest(tmp_path / "a", Site.model_validate({"name": "nowhere"}))
    with subprocess.Popen(
        [program, *lives], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            if asked:
                assert process.stdout is not None
                process.stdout.readline()
            vm.main = process.pid
            state = ask_for_inspector(vm)
            assert ("INSPECTOR" in state.properties) is asked
            assert state.properties["AGENT"] == str(process.pid)
            assert state.properties["INSIDE"] == str(process.pid)
            assert state.properties["NODE_OPTIONS"] == env["NODE_OPTIONS"]
            assert process.poll() is None
        finally:
            process.kill()
