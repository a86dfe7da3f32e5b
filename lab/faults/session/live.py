"""Sessions that go on: their rows, their VMs, and two of them at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from lab.faults.controller import Defect, defective, on, rewritten
from lab.faults.fault import behind, fault
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


@fault(reds={"session.heartbeats_move"}, asks=("session/test_live.py",))
@contextmanager
def heart_stands_still(patient: Patient) -> Iterator[None]:
    """The rows of a session that goes on, and of its VM, get no heartbeat after those of the launch."""
    defect = Defect(
        python="""
            from lab.controller.rows import Rows
            async def none(self, vm_ids):
                pass
            Rows.heartbeat = none
            """,
        node="own('rows').heartbeat = async () => {};",
    )
    with patient.profile(database={"heartbeat_s": 15}), defective(patient, defect):
        yield


_AWAY = "/var/lib/firecracker/fa017"
_TAKE_AWAY = f"""
vm=$1 address=$2 vms=$3 sockets=$4
tap=fc-$(printf %.8s "$vm")
ip link set "$tap" nomaster
ip route replace "$address" dev "$tap" src 192.168.100.1
rm "$sockets/$vm.sock"
mkdir -p {_AWAY}
mv "$vms/$vm" {_AWAY}/
"""


def _taken_away(patient: Patient) -> Defect:
    state, words = patient.settings.state, ["sh", "-euc", _TAKE_AWAY, "sh"]
    places = [state.vms_dir, state.sockets_dir]
    return on(
        "POST",
        "/api/auth/start",
        python=f"""
            if answer.status == 200:
                async with ClientSession() as client:
                    url = f"{{request.url.origin()}}/api/auth/session/{{body['sessionId']}}"
                    row = (await (await client.get(url)).json())["session"]
                vm = [row["browser_vm_id"], body["browserIP"]]
                subprocess.run([*{words!r}, *vm, *{places!r}], check=True)
            """,
        node=f"""
            const {{ browserVMId }} = own('sessions').live.get(body.sessionId);
            const [program, ...words] = {json.dumps(words)};
            execFileSync(program, [...words, browserVMId, body.browserIP, ...{json.dumps(places)}]);
            """,
    )


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
        defective(patient, _taken_away(patient)),
    ):
        yield


@fault(
    reds={"session.second_session_starts"},
    behind=behind(
        "session.second_session_starts",
        (
            "session.sessions_share_nothing",
            "session.users_vms_are_their_own",
            "session.other_session_goes_on",
        ),
    ),
)
def second_user_refused(patient: Patient) -> AbstractContextManager[None]:
    """A second session at once is refused.

    The second user's session is ended at once, and the request answered 500.
    """
    python = """
        asked = await request.json()
        if asked["userId"].endswith("3") and answer.status == 200:
            cancel = f"{request.url.origin()}/api/auth/session/{body['sessionId']}/cancel"
            async with ClientSession() as client:
                await client.post(cancel, json={})
            answer = web.json_response({"error": "one session at a time"}, status=500)
        """
    node = """
        if (request.body.userId.endsWith('3')) {
          const { end, live } = own('sessions');
          await end(live.get(body.sessionId), 'cancelled', null);
          response.status(500);
          return { error: 'one session at a time' };
        }
        """
    return defective(patient, on("POST", "/api/auth/start", python, node))


@fault(reds={"session.users_vms_are_their_own"})
def shared_keys(patient: Patient) -> AbstractContextManager[None]:
    """Users' VMs share the image's SSH host keys, where the profile wants each to have its own."""
    return patient.profile(guest={"shared_identity": ["machine-id"]})


@fault(reds={"session.sessions_share_nothing"})
def shared_tap_name(patient: Patient) -> AbstractContextManager[None]:
    """Two VMs have the same TAP device in their rows.

    The database writes one name for all of the suite's users.
    """
    return rewritten(patient, "vms", when="true", what="NEW.tap_device := 'fc-fa017';")
