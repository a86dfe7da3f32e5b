"""How long things take in an emulated machine's VMs: times of the site profile, and no claim."""

from __future__ import annotations

TABLES: dict[str, dict[str, object]] = {
    "host": {"connect_timeout_s": 60},
    "guest": {
        "restore_health_s": 240,
        "boot_health_s": 600,
        "recovery_s": 400,
        "request_s": 60,
        "experiments_at_once": 2,
    },
    "agent": {"login_s": 400},
    "database": {"heartbeat_s": 120},
    "session": {
        "launch_s": 400,
        "marker_s": [40, 120, 400],
        "window_s": 400,
        "end_s": 180,
        "request_s": 180,
        "logins_at_once": 1,
    },
}
