"""The lab's site profile: the runbook's values wherever they can be, and the twin's ways in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from lab.minipc import deployment, hosts, keys
from lab.minipc.host import Host
from lab.paths import CODE_IN_TWIN, GOLDEN, STATE_ON_HOST, LabPaths

_USERS = ("5b0f3c1e-8d5a-4c8e-9b57-0d6f7c1b2a02", "5b0f3c1e-8d5a-4c8e-9b57-0d6f7c1b2a03")
"""The suite's own users, as database/seed.sql has them."""


def write(paths: LabPaths, host: Host) -> None:
    """Write ``paths.site`` for the host as it runs now. It names secrets and holds none."""
    keys.write_private(paths.site, text(paths, host))


def text(paths: LabPaths, host: Host) -> str:
    """The profile as TOML."""
    one = deployment.chosen(paths)
    kind = hosts.chosen_name(paths)
    others = [name for name in (one.name, kind) if name not in (deployment.RUNBOOK.name, hosts.TWIN)]
    named: dict[str, dict[str, object]] = {"": {"name": ", ".join(["lab", *others])}}
    usual = _laid_over(_tables(paths, host), hosts.chosen(paths).profile(paths))
    tables = {**named, **_laid_over(usual, one.profile(paths))}
    return "# Written by `python -m lab up`; what is not here has the runbook's value.\n" + "\n".join(
        _table(name, fields) for name, fields in tables.items() if fields
    )


def _laid_over(
    usual: dict[str, dict[str, object]], other: Mapping[str, Mapping[str, object]]
) -> dict[str, dict[str, object]]:
    """Tables with the fields of others in the place of their own."""
    tables = {name: {**usual.get(name, {}), **other.get(name, {})} for name in {**usual, **other}}
    return {
        name: {field: value for field, value in table.items() if value is not None}
        for name, table in tables.items()
    }


def _tables(paths: LabPaths, host: Host) -> dict[str, dict[str, object]]:
    return {
        "host": {
            "address": "minipc",
            "user": "polydev",
            "identity_file": paths.ssh_key,
            "known_hosts_file": keys.known_hosts(paths),
            "host_key_alias": keys.HOST_ALIAS,
            "proxy_command": host.door(22),
        },
        "snapshot": _snapshot(paths),
        "guest": {
            "identity_file": paths.ssh_key,
            "known_hosts_file": keys.browser_vm_known_hosts(paths),
            # Emulated VMs, many of them at once, on two processors that may have other work besides.
            "restore_health_s": 90,
            "boot_health_s": 300,
            "recovery_s": 180,
            "request_s": 20,
            "experiments_at_once": 4,
            "desktop_units": ["chromium.service", "openbox.service", "vnc.service", "novnc.service"],
        },
        "agent": {"login_s": 150},
        "database": {
            "url_file": keys.database_url_file(paths),
            "through_host": True,
            "heartbeat_s": 60,  # each five seconds, and later where the processors are wanted
            "written_session_columns": ["vm_ip", "vnc_url", "last_heartbeat"],
        },
        "session": {
            "lasting_credentials_path": "/api/auth/session/{session}/credentials/status",
            "user_id": _USERS[0],
            "second_user_id": _USERS[1],
            "launch_s": 240,
            "marker_s": [20, 60, 240],
            "window_s": 180,
            "end_s": 60,
            "request_s": 90,
            "logins_at_once": 2,
            "test_user": keys.TEST_USER,
            "test_password_file": keys.test_user_password_file(paths),
            "login_colour": "#14532d",
            "consent_colour": "#1e3a8a",
        },
    }


def _snapshot(paths: LabPaths) -> dict[str, object]:
    """What this golden snapshot was built with; nothing before it is built."""
    built = hosts.chosen(paths).manifest(paths)
    if not built.exists():
        return {}
    manifest = json.loads(built.read_text())
    folder = STATE_ON_HOST / "snapshots"
    return {
        "disk": folder / f"{GOLDEN}.ext4",
        "initrd": folder / "initrd.img",
        "manifest": folder / "manifest.json",
        "boot_args": manifest["boot_args"],
        "guest_address": manifest["guest_address"],
        "vcpus": manifest["vcpus"],
        "memory_mib": manifest["memory_mib"],
        "clone_metadata": "mmds",
        "inputs": [
            str(CODE_IN_TWIN / "current/lab/image" / name)
            for name in manifest["inputs"]
            if name.startswith("agent/")
        ],
    }


def _table(name: str, fields: dict[str, object]) -> str:
    head = f"[{name}]\n" if name else ""
    return head + "".join(f"{key} = {_value(value)}\n" for key, value in fields.items())


def _value(value: object) -> str:
    """A TOML value; JSON's strings, numbers, booleans and lists of them are TOML's."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)} = {_value(one)}" for key, one in value.items()) + "}"
    return json.dumps(str(value) if isinstance(value, Path) else value)
