"""What the Node controller makes a VM of: its configuration, its disk; and what it logs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from lab import npm
from tests.unit.lab.coldboot.host import CONTROLLER, PASSWORD, Host
from tests.unit.peers.small_suite import ROOT


def configuration(host: Host, vm_type: str) -> dict[str, Any]:
    """The configuration file of the one VM of a type."""
    ((vm_id, _, _),) = host.vms(vm_type)
    found: dict[str, Any] = json.loads((host.state / "users" / vm_id / "vm-config.json").read_text())
    return found


def test_a_vm_is_booted_cold_from_its_own_configuration(host: Host) -> None:
    """The kernel's command line names the disk and the address; the MAC is the VM's own."""
    host.launch()
    ((vm_id, address, tap),) = host.rows(
        "SELECT vm_id, ip_address, tap_device FROM vms WHERE vm_type = 'browser'"
    )
    found = configuration(host, "browser")
    assert found["boot-source"]["boot_args"] == (
        f"console=ttyS0 root=/dev/vda rw ip={address}::192.168.100.1:255.255.255.0::eth0:on"
    )
    (drive,) = found["drives"]
    assert (drive["is_root_device"], Path(drive["path_on_host"]).parent.name) == (False, vm_id)
    (interface,) = found["network-interfaces"]
    assert interface["iface_id"] == interface["host_dev_name"] == tap == f"fc-{vm_id[:8]}"
    assert re.fullmatch("02:fc(:[0-9a-f]{2}){4}", interface["guest_mac"])
    assert found["machine-config"] == {"vcpu_count": 2, "mem_size_mib": 1024}


def test_a_vm_for_command_lines_is_small_and_has_no_desktop(host: Host) -> None:
    host.launch()
    found, other = configuration(host, "cli"), configuration(host, "browser")
    assert found["machine-config"] == {"vcpu_count": 1, "mem_size_mib": 512}
    assert "systemd.mask=chromium.service" in found["boot-source"]["boot_args"]
    macs = {one["network-interfaces"][0]["guest_mac"] for one in (found, other)}
    assert len(macs) == 2


def test_agent_and_unit_are_written_into_the_copy(host: Host) -> None:
    """And the password of its screen, which only its desktop's user may read."""
    host.launch()
    ((vm_id, _, _),) = host.vms("browser")
    folder = host.state / "users" / vm_id
    root = folder / "mnt.written"
    assert (folder / "rootfs.ext4").read_text() == "golden"
    assert not (folder / "mnt").exists()
    image = ROOT / "lab/image"
    agent = root / "root/vm-browser-agent"
    assert (agent / "server.js").read_text() == (image / "agent/server.js").read_text()
    assert (agent / "node_modules/openid-client.js").exists()
    assert (agent / ".env").read_text() == (image / "agent.env").read_text()
    unit = root / "etc/systemd/system/browser-vm-auth.service"
    assert unit.read_text() == (image / "browser-vm-auth.service").read_text()
    password = root / "etc/vnc.passwd"
    assert (password.stat().st_mode & 0o777, password.stat().st_uid, password.stat().st_size) == (
        0o600,
        1000,
        8,
    )
    assert PASSWORD.encode() not in password.read_bytes()


def test_a_password_is_kept_as_vnc_keeps_it(host: Host) -> None:
    """As every vncpasswd writes it."""
    script = "process.stdout.write(require('./disk').obfuscated('password').toString('hex'))"
    code = host.folder / "controller"
    assert (code / "disk.js").read_text() == (CONTROLLER / "disk.js").read_text()
    said = subprocess.run([npm.node(), "-e", script], cwd=code, check=True, capture_output=True, env={})
    assert said.stdout.decode() == "dbd83cfd727a1458"


def test_the_journal_is_coloured_and_the_file_is_plain(host: Host) -> None:
    """Capital letters come after colouring, and so the colours' own letters are capitals, too."""
    host.refuse_vms()
    host.ask("POST", "/start", json={"userId": "5b0f3c1e-8d5a-4c8e-9b57-0d6f7c1b2a02", "provider": "codex"})
    assert b"[\x1b[31MERROR\x1b[39M]: [LAUNCH-BROWSER-VM] Launch failed {" in host.journal
    (line,) = host.logged("Launch failed")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[ERROR\]: \[LAUNCH-BROWSER-VM\] .* \{.*\}", line)


def test_markers_name_the_vm_or_its_address(host: Host) -> None:
    """Not always both."""
    host.comes_to(host.launch(), "awaiting_user_auth")
    ((vm_id, address),) = host.rows("SELECT vm_id, ip_address FROM vms WHERE vm_type = 'browser'")
    (begun,) = host.logged("Starting Browser VM")
    assert (vm_id in begun, address in begun) == (True, False)
    for marker in ("Attempting health check", "VM ready!"):
        assert vm_id not in host.logged(marker, f'"{address}"')[0]


def test_a_copy_that_fails_ends_the_session(host: Host) -> None:
    """Nothing of the VM is left."""
    shutil.rmtree(host.state / "snapshots/base")
    status, body = host.ask(
        "POST", "/start", json={"userId": "5b0f3c1e-8d5a-4c8e-9b57-0d6f7c1b2a02", "provider": "codex"}
    )
    assert status == 500
    assert body["error"]
    assert list((host.state / "users").iterdir()) == []
    assert host.rows("SELECT status FROM auth_sessions") == [("failed",)]
