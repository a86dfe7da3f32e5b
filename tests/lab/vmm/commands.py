"""The command lines that both VMMs are started with; each ends by itself."""

from __future__ import annotations

import json

from tests.lab.vmm.contract import FILE, FOLDER

CONFIGURATIONS = {
    "no-kernel": json.dumps({"boot-source": {"kernel_image_path": "/nowhere"}, "drives": []}),
    "no-source": json.dumps({"drives": []}),
    "cut": "{",
    "half-a-drive": json.dumps(
        {"boot-source": {"kernel_image_path": "/etc/hostname"}, "drives": [{"drive_id": "a"}]}
    ),
}
_OWN = ("--api-sock", f"{FOLDER}/{{name}}.sock")
COMMANDS: dict[str, tuple[str, ...]] = {
    "an unknown option": ("--nonsense",),
    "a word": ("word",),
    "an option without its value": ("--api-sock",),
    "an option for a value": ("--id", "--no-api"),
    "an option twice": ("--id", "a", "--id", "b"),
    "an option in one word": ("--id=a",),
    "no API and no configuration": ("--no-api",),
    "two filters": ("--no-seccomp", "--seccomp-filter", "f"),
    "an unknown level": (*_OWN, "--level", "Loud"),
    "an id of another letter": (*_OWN, "--id", "bad_id"),
    "an empty id": (*_OWN, "--id", ""),
    "a long id": (*_OWN, "--id", "x" * 65),
    "a size that is none": (*_OWN, "--mmds-size-limit", "x"),
    "a configuration that is not there": ("--no-api", "--config-file", "/nowhere"),
    **{f"configuration: {n}": ("--no-api", "--config-file", f"{FOLDER}/{n}.json") for n in CONFIGURATIONS},
    "metadata that is not there": (*_OWN, "--metadata", "/nowhere"),
    "metadata cut off": (*_OWN, "--metadata", f"{FOLDER}/cut.json"),
    "a socket in use": ("--api-sock", FILE),
    "a socket in no folder": ("--api-sock", "/nowhere/api.sock"),
    "a log in no folder": (*_OWN, "--log-path", "/nowhere/log"),
    "metrics in no folder": (*_OWN, "--metrics-path", "/nowhere/metrics"),
    "a filter that is not there": (*_OWN, "--seccomp-filter", "/nowhere"),
    "--version": ("--version", "--nonsense"),
    "--snapshot-version": ("--snapshot-version",),
    "--describe-snapshot of nothing": ("--describe-snapshot", "/nowhere"),
    "--describe-snapshot of no snapshot": ("--describe-snapshot", FILE),
}
