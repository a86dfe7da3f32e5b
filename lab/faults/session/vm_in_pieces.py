"""A VM that runs has not what its row promises: another pid, no socket, no place on the bridge, no folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.faults.controller import SESSION, defective, on, trigger
from lab.faults.patient import Patient

REDS = {"session.vm_is_on_the_host", "session.other_session_goes_on"}
LAYERS = SESSION
_AWAY = "/var/lib/firecracker/fa017"
_PID = "NEW.firecracker_pid := 5000000 + NEW.firecracker_pid;"
_WHAT = f"""
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


@contextmanager
def inject(patient: Patient) -> Iterator[None]:
    """Right after its launch all of it is taken away, and the row's pid is nobody's.

    A route leads to its TAP instead of the bridge: an agent out of reach would soon end the session.
    """
    begin, end = trigger("vms", when="NEW.firecracker_pid < 5000000", what=_PID)
    with (
        patient.on_host(do="true", undo=f"rm -rf {_AWAY}"),
        patient.rows(insert=begin, remove=end),
        defective(patient, on("POST", "/api/auth/start", _WHAT)),
    ):
        yield
