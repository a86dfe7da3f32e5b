"""Hosts for the driver's tests: this machine, as root, reached with SSH and without."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.host.hypervisor import Hypervisor
from harness.run import run
from harness.site.profile import Site
from tests.lab.driver.traces import ROOT
from tests.unit.peers.private_sshd import private_sshd

_VMM = f"""#!/bin/sh
PYTHONPATH={ROOT} exec {sys.executable} -m lab.vmm "$@"
"""
_GIVEN = """#!/bin/sh
exec '{}' "$@"
"""


@pytest.fixture
def vmm(tmp_path: Path, given_vmm: Path | None) -> Path:
    """The VMM that was named, else the lab's from this work tree."""
    return script(tmp_path, _VMM if given_vmm is None else _GIVEN.format(given_vmm))


def script(folder: Path, text: str) -> Path:
    """A program ``firecracker``."""
    program = folder / "firecracker"
    program.write_text(text)
    program.chmod(0o755)
    return program


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A small ext4 disk with one known file in it."""
    folder = tmp_path / "state" / "snapshots"
    (folder / "tree" / "etc").mkdir(parents=True)
    (folder / "tree" / "etc" / "with space").write_text("found\n")
    path = folder / "golden.ext4"
    run(["mke2fs", "-q", "-t", "ext4", "-d", folder / "tree", path, "8M"], timeout_s=30)
    return path


@pytest.fixture(params=["local", "ssh"])
def transport(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """The profile's host table."""
    if request.param == "local":
        yield {"transport": "local"}
        return
    (tmp_path / "sshd").mkdir()
    with private_sshd(tmp_path / "sshd") as sshd:
        login = sshd.login
        yield {
            "address": login.address,
            "port": login.port,
            "user": login.user,
            "identity_file": str(login.identity_file),
            "known_hosts_file": str(login.known_hosts_file),
        }


@pytest.fixture
def profile(transport: dict[str, Any], vmm: Path, disk: Path) -> dict[str, Any]:
    """A site profile as a table."""
    return {
        "name": "driver",
        "host": transport,
        "vmm": {"binary": str(vmm), "start_timeout_s": 30},
        "snapshot": {"disk": str(disk)},
    }


@pytest.fixture
def site(profile: dict[str, Any]) -> Site:
    """The site profile."""
    return Site.model_validate(profile)


@pytest.fixture
def hypervisor(site: Site) -> Iterator[Hypervisor]:
    """A connected host."""
    with Hypervisor(site) as connected:
        yield connected
