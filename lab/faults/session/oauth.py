"""Logins: the address to log in at, the provider, and what a session is after a good and a bad one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from lab.faults.controller import (
    Defect,
    defective,
    on,
    refused,
    rewritten,
    stopped_for_destroyed,
)
from lab.faults.edit import AGENT, UNIT, edited
from lab.faults.fault import behind, fault
from lab.faults.patient import Patient
from lab.faults.variant import users_variant


def _asked_for(path: str, answer: str) -> str:
    """JavaScript by which every agent answers so to one path."""
    return f"""
    const agents = own('agents');
    const {{ ask }} = agents;
    agents.ask = async (vm, method, asked, ...more) =>
      asked.startsWith('{path}') ? {answer} : ask(vm, method, asked, ...more);
    """


LOGGED_IN = {
    "session.provider_page_is_in_the_window",
    "session.login_in_the_window_completes",
    "session.completed_sessions_vm_is_gone",
    "session.callback_to_the_agent_completes",
    "session.credentials_are_the_sessions_own",
    "session.bad_login_fails_cleanly",
    "session.bad_login_leaves_no_credentials",
}
"""Checks of logins that were tried at the provider."""

AFTER_A_LOGIN = {"session.credentials_outlive_the_vm", "session.health_passes_during_a_login"}
"""Checks that ask what a login came to."""

COMPLETED = (
    "session/test_oauth.py::test_completed_sessions_vm_is_gone",
    "session/test_oauth.py::test_login_in_the_window_completes",
)
"""What looks at a session whose login completed."""


@fault(
    reds={"session.login_has_an_address"},
    behind=behind(
        "session.login_has_an_address",
        {
            "session.address_asks_for_a_code_with_pkce",
            "session.state_and_challenge_are_fresh",
            "session.vm_reaches_the_provider",
            *LOGGED_IN,
            *AFTER_A_LOGIN,
        },
    ),
    asks=("session/test_oauth.py",),
)
def oauth_no_address(patient: Patient) -> AbstractContextManager[None]:
    """No session has an address to log in at: the VM's answer is kept from whoever asks."""
    return refused(patient, "/oauth-url", 409)


@fault(
    reds={"session.address_asks_for_a_code_with_pkce"},
    asks=("session/test_oauth.py::test_address_asks_for_a_code_with_pkce",),
)
def oauth_careless_address(patient: Patient) -> AbstractContextManager[None]:
    """The address to log in at asks for a code without S256, and has it sent to another machine.

    As a careless client makes it.
    """
    python = """
        url = body["oauthUrl"].replace("S256", "plain").replace("localhost", "192.168.100.1")
        return web.json_response({"oauthUrl": url})
        """
    node = """
        const url = body.oauthUrl.replaceAll('S256', 'plain').replaceAll('localhost', '192.168.100.1');
        return { oauthUrl: url };
        """
    return defective(patient, on("GET", "/oauth-url", python, node))


_SAME_EVERYWHERE = on(
    "GET",
    "/oauth-url",
    python="""
        import re
        same = lambda m: f"{m[1]}{m[2]}={'x' * 43}"
        url = re.sub("([?&])(state|code_challenge)=[^&]*", same, body["oauthUrl"])
        return web.json_response({"oauthUrl": url})
        """,
    node="""
        const same = `$1$2=${'x'.repeat(43)}`;
        return { oauthUrl: body.oauthUrl.replace(/([?&])(state|code_challenge)=[^&]*/g, same) };
        """,
)


@fault(
    reds={"session.state_and_challenge_are_fresh"},
    asks=(
        "session/test_oauth.py::test_state_and_challenge_are_fresh",
        "session/test_oauth.py::test_address_asks_for_a_code_with_pkce",
    ),
)
def oauth_constant_state(patient: Patient) -> AbstractContextManager[None]:
    """Every session's address has the same state and the same challenge.

    As a snapshot of a login would, restored twice.
    """
    return defective(patient, _SAME_EVERYWHERE)


@fault(
    reds={"session.vm_reaches_the_provider"},
    behind=behind("session.vm_reaches_the_provider", LOGGED_IN | AFTER_A_LOGIN),
    alone={
        "session.provider_page_is_in_the_window",
        "session.login_in_the_window_completes",
        "session.callback_to_the_agent_completes",
    },
    asks=("session/test_oauth.py",),
)
def oauth_provider_stopped(patient: Patient) -> AbstractContextManager[None]:
    """The provider is down: nobody can log in."""
    return patient.on_host(do="systemctl stop lab-provider", undo="systemctl start lab-provider")


@fault(reds={"session.completed_sessions_vm_is_gone"}, asks=COMPLETED)
def oauth_completed_vm_stays(patient: Patient) -> AbstractContextManager[None]:
    """The VM of a completed session goes on running; nobody waits for it any more."""
    defect = Defect(
        python='os.environ["COMPLETED_LINGER_S"] = "600"', node="process.env.LINGER_MS = '600000';"
    )
    return defective(patient, defect)


@fault(reds={"session.completed_sessions_vm_is_gone"}, asks=COMPLETED)
def oauth_completed_tap_stays(patient: Patient) -> AbstractContextManager[None]:
    """The TAP device of a completed session's VM stays, when all else of it is gone.

    The controller deletes none; the sound one that comes after it clears what has no row.
    """
    return defective(
        patient,
        Defect(
            python="""
            from lab.controller import tap
            from lab.controller.jail import Jail
            async def leave(device):
                pass
            tap.delete = Jail.disconnect = leave
            """,
            node="own('network').deleteTap = async () => {};",
        ),
    )


@fault(reds={"session.completed_sessions_vm_is_gone"}, asks=COMPLETED)
def oauth_completed_vm_stopped(patient: Patient) -> AbstractContextManager[None]:
    """The row of a completed session's VM does not say that it was destroyed, but stopped."""
    return stopped_for_destroyed(patient)


_GONE_WITH_THE_VM = Defect(
    python="""
        from lab.controller import guest_api
        from lab.controller.service import SERVICE, machine_of, session_of
        async def ask_the_vm(request):
            session = await session_of(request)
            asked = request.app[SERVICE].agents.credentials_status
            return await guest_api._proxied(asked(machine_of(request, session), session["session_id"]))
        guest_api.get_credentials_status = ask_the_vm
        """,
    node="""
        const vms = new Map();
        defect = (request, response, next) => {
          const [, id] = /\\/session\\/([^/]+)\\//.exec(request.path) ?? [];
          const vm = own('sessions').live.get(id)?.vm;
          if (vm) {
            vms.set(id, vm);
          }
          const gone = request.path.endsWith('/credentials/status') && vms.get(id)?.gone.signal.aborted;
          return gone ? response.status(409).json({ error: 'the VM is gone' }) : next();
        };
        """,
)


@fault(
    reds={"session.credentials_outlive_the_vm"},
    asks=(*COMPLETED, "session/test_oauth.py::test_credentials_outlive_the_vm"),
)
def oauth_credentials_go_with_the_vm(patient: Patient) -> AbstractContextManager[None]:
    """What a login left can be asked for while its VM is there, and then no more."""
    return defective(patient, _GONE_WITH_THE_VM)


_HELD_UP = (
    edited(
        f"{AGENT}/server.js",
        (
            "  const login = await logins.start(provider);",
            "  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20000);\n"
            "  const login = await logins.start(provider);",
        ),
    )
    + f"systemctl restart {UNIT}\n"
)


@fault(
    reds={"session.health_passes_during_a_login"},
    asks=(
        "session/test_oauth.py::test_callback_to_the_agent_completes",
        "session/test_oauth.py::test_health_passes_during_a_login",
    ),
)
@contextmanager
def oauth_login_holds_up_the_agent(patient: Patient) -> Iterator[None]:
    """The agent waits for a login's tool to start, and hears nobody else meanwhile.

    As one does that starts it by ``execSync``. It takes twenty seconds here, and the login is completed.
    """
    with patient.profile(guest={"request_s": 5}), users_variant(patient, _HELD_UP):
        yield


@fault(
    reds={
        "session.bad_login_fails_cleanly",
        "session.bad_login_leaves_no_credentials",
        "session.credentials_are_the_sessions_own",
    },
    asks=(
        "session/test_oauth.py::test_bad_login_fails_cleanly",
        "session/test_oauth.py::test_bad_login_leaves_no_credentials",
        "session/test_oauth.py::test_credentials_are_the_sessions_own",
    ),
)
def oauth_everybody_logged_in(patient: Patient) -> AbstractContextManager[None]:
    """The controller takes every login for complete, whatever the VM's agent says."""
    return defective(
        patient,
        Defect(
            python="""
            from lab.controller.agents import Agents
            async def yes(self, machine, session_id):
                return {"authenticated": True}
            Agents.credentials_status = yes
            """,
            node=_asked_for("/credentials/status", "{ authenticated: true }"),
        ),
    )


@fault(
    reds={"session.bad_login_fails_cleanly"},
    asks=(
        "session/test_oauth.py::test_bad_login_fails_cleanly",
        "session/test_oauth.py::test_bad_login_leaves_no_credentials",
    ),
)
def oauth_failure_without_reason(patient: Patient) -> AbstractContextManager[None]:
    """A session whose login failed does not say why: the database drops the reason."""
    return rewritten(
        patient,
        "auth_sessions",
        when="NEW.status = 'failed'",
        what="NEW.error_message := '';",
        undo="DELETE FROM auth_sessions WHERE status = 'failed' AND error_message = ''",
    )
