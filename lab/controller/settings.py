"""What the service is told by its environment, and what the host's layout fixes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

PROVIDERS = ("codex", "claude_code", "gemini_cli")

_GATEWAY = IPv4Address("192.168.100.1")
_FIRST_VM = IPv4Address("192.168.100.2")
_LAST_VM = IPv4Address("192.168.100.254")


@dataclass(frozen=True)
class Settings:
    """The defaults are the runbook's, but for patience: VMs are emulated, many at once, on two processors."""

    database_url: str
    port: int = 4000
    vms: Path = Path("/var/lib/firecracker/vms")
    sockets: Path = Path("/var/run/firecracker")
    snapshots: Path = Path("/var/lib/firecracker/snapshots")
    golden: str = "browser-vm-golden"
    jailer: Path | None = None
    """Where there is one, each VM has a network namespace and a jail of its own."""
    jails: Path = Path("/srv/jailer")
    jail_user: int = 64100
    """Whose jailed VMMs and their files are; it has no other right, and no name."""
    bridge: str = "fcbr0"
    gateway: IPv4Address = _GATEWAY
    prefix: int = 24
    first_vm: IPv4Address = _FIRST_VM
    last_vm: IPv4Address = _LAST_VM
    snapshot_address: IPv4Address = _FIRST_VM
    """The address inside the snapshot: never handed out, since every clone has it for its first moments."""
    agent_port: int = 8080
    websockify_port: int = 6080
    novnc: Path = Path("/usr/share/novnc")
    """noVNC's files, as Debian's package has them."""
    health_interval_s: float = 2
    health_request_s: float = 5
    health_timeout_s: float = 180
    session_timeout_s: float = 1800
    agent_request_s: float = 60
    login_start_s: float = 150
    """How long the agent may take to start the provider's login tool."""
    login_poll_s: float = 1
    login_silence_s: float = 180
    """How long the agent may be silent during a login before that counts as lost."""
    completed_linger_s: float = 3
    """How long a completed login's VM stays, so that its user sees in the window that all went well."""
    watch_interval_s: float = 5


def from_environment() -> Settings:
    """The settings of this process.

    :raises SystemExit: the database's address is missing.
    """
    url = os.environ.get("DATABASE_URL")
    if not url:
        raise SystemExit("[ERROR]: DATABASE_URL is not set; see /etc/master-controller.env")
    jailer = os.environ.get("JAILER")
    return Settings(
        url,
        vms=Path(os.environ.get("VMS_DIR", "/var/lib/firecracker/vms")),
        sockets=Path(os.environ.get("SOCKETS_DIR", "/var/run/firecracker")),
        jailer=Path(jailer) if jailer else None,
        health_timeout_s=float(os.environ.get("HEALTH_TIMEOUT_S", "180")),
        completed_linger_s=float(os.environ.get("COMPLETED_LINGER_S", "3")),
    )
