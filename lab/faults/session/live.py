"""Sessions that go on: their rows, their VMs, and two of them at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from lab.faults.controller import defective, on, rewritten
from lab.faults.fault import fault
from lab.faults.patient import Patient


@fault(reds={"session.vm_row_is_complete"})
def vm_row_incomplete(patient: Patient) -> AbstractContextManager[None]:
    """The row of a session's VM says nothing true of its size.

    The database writes another number of vCPUs.
    """
    return rewritten(patient, "vms", when="true", what="NEW.vcpu_count := 63;")


@fault(reds={"session.session_row_is_complete"})
def session_row_incomplete(patient: Patient) -> AbstractContextManager[None]:
    """The row of a session that goes on holds an error.

    The database writes one into every session of the suite's users.
    """
    goes_on = "NEW.status NOT IN ('started', 'failed')"
    return rewritten(patient, "auth_sessions", when=goes_on, what="NEW.error_message := 'fault';")


_AWAY = "/var/lib/firecracker/fa017"
_TAKE_AWAY = f"""
if answer.status == 200:
    async with ClientSession() as client:
        row = await client.get(f"{{request.url.origin()}}/api/auth/session/{{body['sessionId']}}")
        vm_id = (await row.json())["session"]["browser_vm_id"]
    tap = "fc-" + vm_id[:8]
    route = ["ip", "route", "replace", body["browserIP"], "dev", tap, "src", "192.168.100.1"]
    subprocess.run(["ip", "link", "set", tap, "nomaster"], check=True)
    subprocess.run(route, check=True)
    pathlib.Path("/var/run/firecracker", vm_id + ".sock").unlink()
    os.makedirs({_AWAY!r}, exist_ok=True)
    pathlib.Path("/var/lib/firecracker/vms", vm_id).rename(pathlib.Path({_AWAY!r}, vm_id))
"""


@fault(reds={"session.vm_is_on_the_host", "session.other_session_goes_on"})
@contextmanager
def vm_in_pieces(patient: Patient) -> Iterator[None]:
    """A VM that runs has not what its row promises: pid, socket, place on the bridge, folder.

    Right after its launch all of it is taken away, and the row's pid is nobody's. A route leads to its TAP
    instead of the bridge: an agent out of reach would soon end the session.
    """
    pid = "NEW.firecracker_pid := 5000000 + NEW.firecracker_pid;"
    with (
        patient.on_host(do="true", undo=f"rm -rf {_AWAY}"),
        rewritten(patient, "vms", when="NEW.firecracker_pid < 5000000", what=pid),
        defective(patient, on("POST", "/api/auth/start", _TAKE_AWAY)),
    ):
        yield


@fault(
    reds={"session.second_session_starts"},
    broken={"session.sessions_share_nothing", "session.other_session_goes_on"},
)
def second_user_refused(patient: Patient) -> AbstractContextManager[None]:
    """A second session at once is refused.

    The second user's session is ended at once, and the request answered 500.
    """
    what = """
        asked = await request.json()
        if asked["userId"].endswith("3") and answer.status == 200:
            cancel = f"{request.url.origin()}/api/auth/session/{body['sessionId']}/cancel"
            async with ClientSession() as client:
                await client.post(cancel, json={})
            answer = web.json_response({"error": "one session at a time"}, status=500)
        """
    return defective(patient, on("POST", "/api/auth/start", what))


@fault(reds={"session.sessions_share_nothing"})
def shared_tap_name(patient: Patient) -> AbstractContextManager[None]:
    """Two VMs have the same TAP device in their rows.

    The database writes one name for all of the suite's users.
    """
    return rewritten(patient, "vms", when="true", what="NEW.tap_device := 'fc-fa017';")
