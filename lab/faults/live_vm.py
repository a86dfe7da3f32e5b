"""A session's Browser VM, launched and ended through the controller as a user would."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lab.faults.patient import Patient

API = "http://127.0.0.1:4000/api/auth"
_USER = "5b0f3c1e-8d5a-4c8e-9b57-0d6f7c1b2a02"
_POST = """
import json, sys, urllib.request
request = urllib.request.Request(sys.argv[1], sys.argv[2].encode(), {"Content-Type": "application/json"})
print(urllib.request.urlopen(request, timeout=float(sys.argv[3])).read().decode())
"""


@dataclass(frozen=True)
class LiveVm:
    """What its row says of it."""

    vm_id: str
    socket: str
    tap: str


@contextmanager
def live_vm(patient: Patient) -> Iterator[LiveVm]:
    """A VM that runs for the block."""
    session = json.loads(login(patient))["sessionId"]
    try:
        ask = (
            "SELECT json_build_object('vm_id', vm_id, 'socket', socket_path, 'tap', tap_device) FROM vms"
            f" WHERE vm_id = (SELECT browser_vm_id FROM auth_sessions WHERE session_id = '{session}')"
        )
        yield LiveVm(**json.loads(patient.sql(ask)))
    finally:
        post(patient, f"session/{session}/cancel", {})


def login(patient: Patient) -> str:
    """The controller's answer to a user who wants to log in."""
    return post(patient, "start", {"userId": _USER, "provider": "codex"})


def post(patient: Patient, path: str, body: dict[str, str]) -> str:
    """The controller's answer; one that is no success raises."""
    limit_s = patient.settings.session.launch_s
    words = ["python3", "-c", _POST, f"{API}/{path}", json.dumps(body), f"{limit_s}"]
    return patient.host(shlex.join(words), timeout_s=limit_s + 10).stdout
