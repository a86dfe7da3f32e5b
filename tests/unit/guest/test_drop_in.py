"""The shell that restarts an agent under other settings, read back as systemd reads it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from harness.guest.drop_in import restarted_with

VALUES = ("", "plain", "two words", 'say "hi"', "a\\b", "$HOME", "`id`", "it's", "--require=/x --y", "#no")


def read_back(text: str) -> dict[str, str]:
    """``KEY="value"`` lines, a backslash before what is special, as systemd.exec(5) has them."""
    lines = re.findall(r'^(\w+)="((?:[^"\\]|\\.)*)"$', text, re.MULTILINE)
    return {name: re.sub(r"\\(.)", r"\1", value) for name, value in lines}


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Where the shell writes, under a root of its own, with a systemctl that does nothing."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "systemctl").write_text("#!/bin/sh\n")
    (programs / "systemctl").chmod(0o755)
    (tmp_path / "run").mkdir()
    settings = {f"V{number}": value for number, value in enumerate(VALUES)}
    shell = restarted_with(settings, service=["Restart=no"], unit=["StartLimitIntervalSec=0"])
    shell = shell.replace("/run/", f"{tmp_path}/run/")
    env = {"PATH": f"{programs}:/usr/bin:/bin", "unit": "agent.service"}
    subprocess.run(["sh", "-euc", shell], env=env, check=True)
    return tmp_path / "run"


def test_every_value_is_read_as_it_was_meant(written: Path) -> None:
    """Quotes, dollars and backslashes reach the agent as they are."""
    seen = read_back((written / "zzz-acceptance.env").read_text())
    assert list(seen.values()) == list(VALUES)


def test_the_drop_in_says_what_was_asked(written: Path) -> None:
    """Each line is in its section."""
    text = (written / "systemd/system/agent.service.d/zzz-acceptance.conf").read_text()
    unit, _, service = text.partition("[Service]\n")
    assert unit == "[Unit]\nStartLimitIntervalSec=0\n"
    assert {"ExecStartPre=", "Restart=no"} <= set(service.splitlines())
