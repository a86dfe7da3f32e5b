"""The host twin: as the runbook's host is, closed, and the same whenever it is brought up."""

from __future__ import annotations

import pytest

from harness.run import run
from harness.site.load import load_site
from lab.minipc import access, keys, report, twin
from lab.paths import LabPaths
from tests.lab.minipc.conftest import Minipc

pytestmark = pytest.mark.lab


def test_bringing_it_up_again_changes_nothing(paths: LabPaths, minipc: Minipc) -> None:
    """The same twin runs on, and its profile is the same."""
    before = paths.site.read_text()
    assert twin.up(paths) == minipc.host
    assert paths.site.read_text() == before


def test_bringing_it_up_again_starts_what_was_stopped(paths: LabPaths, minipc: Minipc) -> None:
    """The same twin is whole again; until then it is not said to be up."""
    minipc.sh("systemctl stop lab-provider")
    assert not report.show(paths)
    assert twin.up(paths) == minipc.host
    assert report.show(paths)


def test_its_profile_is_a_valid_site(paths: LabPaths) -> None:
    """What `lab up` wrote can be read, and the secrets it names are there and private."""
    site = load_site(paths.site)
    assert site.host.identity_file == paths.ssh_key
    assert paths.site.stat().st_mode & 0o077 == 0
    assert all(file.stat().st_mode & 0o077 == 0 for file in paths.keys.glob("*.password"))


def test_it_has_no_way_out(minipc: Minipc) -> None:
    """Its only links are its own loopback, its bridge and VMs' TAPs, and it has no default route."""
    links = minipc.sh("ls /sys/class/net").split()
    assert {name for name in links if not name.startswith(("fc-", "acc-"))} == {"lo", "fcbr0"}
    assert minipc.sh("ip route show default") == ""


def test_ssh_takes_the_key_and_no_password(paths: LabPaths, minipc: Minipc) -> None:
    """polydev gets in with the lab's key and is root by sudo; a password is not even asked for."""
    assert run([*access.ssh(paths, minipc.host), "sudo", "-n", "id", "-u"], timeout_s=30).stdout == "0\n"
    settings = minipc.sh("sshd -T")
    assert "passwordauthentication no" in settings
    assert "kbdinteractiveauthentication no" in settings


def test_the_incident_is_in_the_database(minipc: Minipc) -> None:
    """Its VM destroyed, its session failed with the runbook's words."""
    (row,) = minipc.rows(
        "SELECT v.status AS vm, s.status AS session, s.error_message FROM vms v"
        " JOIN auth_sessions s ON s.browser_vm_id = v.vm_id WHERE v.vm_id LIKE 'vm-6b03852d-%'"
    )
    expected = ("destroyed", "failed", "VM health check timeout - manual cleanup")
    assert (row["vm"], row["session"], row["error_message"]) == expected


def test_the_reading_role_only_reads(paths: LabPaths, minipc: Minipc) -> None:
    """It sees rows in spite of row-level security, and changes none even when it asks to be allowed."""
    url = keys.database_url(paths, "acceptance_ro")
    seen = minipc.ask("psql", "-XAtqc", "SELECT count(*) > 0 FROM vms", url)
    assert seen.stdout == "t\n"
    bold = minipc.ask("psql", "-Xc", "SET default_transaction_read_only = off", "-c", "DELETE FROM vms", url)
    assert "permission denied" in bold.stderr
