"""What the site profile of the cold-booting deployment has otherwise than the runbook's."""

from __future__ import annotations

from lab import debian
from lab.image.disk import AGENT, AGENT_IN_GUEST, UNIT_IN_GUEST
from lab.minipc import base, keys
from lab.paths import CODE_IN_TWIN, STATE_ON_HOST, LabPaths

CDN = "cdn.lab.internal:9091"
"""Where the window's page has its viewer from; lab/coldboot/settings.js has the address."""

_IMAGE = CODE_IN_TWIN / "current/lab/image"


def tables(paths: LabPaths) -> dict[str, dict[str, object]]:
    """Fields that are None are left out, whatever the runbook's deployment says in them."""
    return {
        "state": {"vms_dir": STATE_ON_HOST / "users", "sockets_dir": STATE_ON_HOST / "sockets"},
        "snapshot": _snapshot(paths),
        "guest": {
            "recovery_s": 240,
            # Each clone is booted, desktop and all, which takes a processor for a minute: side by side they
            # only wait for each other.
            "boot_health_s": 600,
            "experiments_at_once": 2,
            "request_s": 30,
            "vnc_password_file": keys.vnc_password_file(paths),
        },
        "controller": {"log_file": "/var/log/master-controller.log"},
        "agent": {"login_s": 120},
        "session": {
            # A user's first session boots two VMs, one after the other, beside those of other users.
            "launch_s": 600,
            "marker_s": [420, 480, 600],
            "markers": [
                r"\[LAUNCH-BROWSER-VM\] Starting Browser VM",
                r"\[WAIT-VM-READY\] Attempting health check",
                r"\[WAIT-VM-READY\] VM ready!",
            ],
            "stays": ["cli"],
            "second_cancel_status": 200,
            "window_s": 240,
            "window_hosts": [CDN],
        },
    }


def _snapshot(paths: LabPaths) -> dict[str, object]:
    """Nothing before it is built."""
    if not paths.manifest.exists():
        return {}
    agent = sorted(file.name for file in AGENT.glob("*.js"))
    return {
        "vmstate": "none",
        "memory": "none",
        "manifest": None,
        "clone_metadata": None,
        "disk": base.on_host(base.DISK),
        "kernel": base.on_host(base.KERNEL),
        "initrd": base.on_host(base.INITRD),
        "inputs": [str(_IMAGE / "agent" / name) for name in agent],
        "disk_files": {
            str(AGENT_IN_GUEST / "server.js"): str(_IMAGE / "agent/server.js"),
            str(UNIT_IN_GUEST): str(_IMAGE / debian.BOOKWORM.unit.name),
        },
    }
