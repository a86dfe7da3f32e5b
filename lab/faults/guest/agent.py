"""The agent itself: what it answers, and what it does when something goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from lab.faults.edit import AGENT, UNIT, edited
from lab.faults.fault import behind, fault
from lab.faults.patient import Patient
from lab.faults.variant import golden_variant

_BREAK_SYNTAX = edited(f"{AGENT}/server.js", ("const PORT =", "const PORT = = ")) + f"systemctl stop {UNIT}\n"


@fault(
    reds={
        "guest.server_source_parses[golden]",
        "guest.health_answers_in_time",
        "guest.unit_is_active[golden]",
    },
    behind={
        "guest.port_is_the_agents[golden]": "guest.unit_is_active[golden]",
        **behind(
            "guest.health_answers_in_time",
            (
                "guest.health_says_what_is_documented",
                "guest.unknown_path_is_a_json_404",
                "guest.bad_json_is_a_json_400",
                "guest.health_is_steady_under_load",
            ),
        ),
    },
    asks=(
        "guest/test_health.py",
        "guest/test_source.py::test_server_source_parses",
        "guest/test_unit.py::test_unit_is_active",
    ),
    cause="agent.syntax_error",
)
def unparsable_source(patient: Patient) -> AbstractContextManager[None]:
    """The agent's source is no JavaScript any more, so the agent is down: the incident.

    Where nobody answers, no answer is the one that it should be.
    """
    return golden_variant(patient, _BREAK_SYNTAX, healthy=False)


_ANSWER_WRONGLY = (
    edited(
        f"{AGENT}/server.js",
        ("health(_request, response) {\n", "health(_request, response) {\n  return response.end('up');\n"),
        ("PORT, '0.0.0.0'", "PORT, '::'"),
        ("server.headersTimeout", "server.maxConnections = 20;\nserver.headersTimeout"),
        (
            "  throw new HttpError(404, `Not found",
            "  return response.writeHead(404).end('not found');\n  throw new HttpError(404, `Not found",
        ),
    )
    + edited(
        f"{AGENT}/http.js",
        (
            "    throw new HttpError(400, 'Body is not valid JSON')",
            "    setImmediate(() => { throw new Error('no JSON'); });\n    await new Promise(() => {})",
        ),
    )
    + f"systemctl restart {UNIT}\n"
)


@fault(
    reds={
        "guest.health_says_what_is_documented",
        "guest.unknown_path_is_a_json_404",
        "guest.bad_json_is_a_json_400",
        "guest.health_is_steady_under_load",
        "guest.port_is_the_agents[golden]",
    },
    asks=("guest/test_health.py",),
)
def agent_answers(patient: Patient) -> AbstractContextManager[None]:
    """The agent says what is undocumented, dies of half a JSON, drops connections, and listens on ``::``.

    Each answer is wrong in its own way; the first one, 200, is right.
    """
    return golden_variant(patient, _ANSWER_WRONGLY)


_OWN_HANDLERS = """
process.on('uncaughtException', (error) => console.error('oops:', error));
process.on('unhandledRejection', (reason) => console.error('oops:', reason));
"""
_CARRY_ON = (
    edited(
        f"{AGENT}/server.js",
        ("process.on('uncaughtException'", "process.on('never'"),
        ("process.on('unhandledRejection'", "process.on('never'"),
        ("server.on('error'", "server.on('never'"),
        ("PORT, '0.0.0.0'", "PORT"),
        ("await withTimeout(database.updateSession(sessionId, fields, DATABASE_TIMEOUT_MS))",
         "busy = Boolean(process.env.SUPABASE_URL);\n"
         "    await database.updateSession(sessionId, fields, 1e6)"),
        ("async function recordSession", "let busy = false;\n\nasync function recordSession"),
        ("sendJson(response, 200, {\n    status", "sendJson(response, busy ? 503 : 200, {\n    status"),
    )
    + edited(f"{AGENT}/database.js", ("    signal: AbortSignal.timeout(timeoutMs),\n", ""))
    + f"cat >>{AGENT}/server.js <<'END'\n{_OWN_HANDLERS}END\nsystemctl restart {UNIT}\n"
)  # fmt: skip


@fault(
    reds={
        *(f"guest.handler_{claim}" for claim in ("is_registered_first", "exits")),
        "guest.server_error_handler_exits",
        "guest.server_listens_on_every_address",
        "guest.database_calls_have_a_timeout",
        *(
            f"guest.{death}_{claim}"
            for death in ("uncaught_exception", "unhandled_rejection")
            for claim in ("is_logged", "ends_the_agent")
        ),
        *(f"guest.taken_port_{claim}" for claim in ("is_logged", "ends_the_agent")),
        "guest.silent_database_does_not_hang_a_login",
        "guest.silent_database_leaves_health_alone",
        "guest.silent_database_is_logged",
    },
    behind={
        f"guest.{death}_is_recovered_from": f"guest.{death}_ends_the_agent"
        for death in ("uncaught_exception", "unhandled_rejection")
    },
    alone={"guest.uncaught_exception_is_recovered_from", "guest.unhandled_rejection_is_recovered_from"},
    asks=(
        "guest/test_source.py",
        "guest/test_crash.py",
        "guest/test_taken_port.py",
        "guest/test_silent_database.py",
    ),
)
@contextmanager
def careless_agent(patient: Patient) -> Iterator[None]:
    """The agent carries on after errors, logs them in words of its own, and waits for its database for ever.

    All of the runbook's three fixes are undone; systemd still does its part. What never comes need not be
    waited for long.
    """
    with golden_variant(patient, _CARRY_ON), patient.profile(agent={"login_s": 25}):
        yield


_ASK_FOR_STATUS = (
    edited(
        f"{AGENT}/server.js",
        (
            "  const authenticated = login.completed",
            "  if (process.env.SUPABASE_URL) await database.updateSession('x', {}, 1e6);\n"
            "  const authenticated = login.completed",
        ),
    )
    + f"systemctl restart {UNIT}\n"
)


@fault(reds={"guest.database_calls_have_a_timeout"}, asks=("guest/test_silent_database.py",))
def status_waits_for_the_database(patient: Patient) -> AbstractContextManager[None]:
    """Asked for the status of a session that it knows, the agent waits for its database for ever.

    Its logins give their calls up, and say so.
    """
    return golden_variant(patient, _ASK_FOR_STATUS)


_CLOSE_FIRST = (
    edited(
        f"{AGENT}/server.js",
        ("Uncaught Exception:', error);\n  process.exit(1)", "Uncaught Exception:', error);\n  Agent.end()"),
        ("'reason:', reason);\n  process.exit(1)", "'reason:', reason);\n  Agent.end()"),
        ("const server = http", "const server = Agent.server = http"),
    )
    + f"""
cd {AGENT}
{{
    echo "import {{ createRequire }} from 'node:module';"
    echo "const require = createRequire(import.meta.url);"
    echo "class Agent {{"
    echo "  static server;"
    echo "  static end() {{ this.server.close(() => process.exit(0)); }}"
    echo "  static start() {{"
    cat server.js
    echo "  }}"
    echo "}}"
    echo "Agent.start();"
}} >agent.mjs
echo "import('./agent.mjs');" >server.js
systemctl restart {UNIT}
"""
)


@fault(
    reds={
        "guest.handler_exits",
        *(f"guest.{death}_ends_the_agent" for death in ("uncaught_exception", "unhandled_rejection")),
    },
    asks=("guest/test_source.py", "guest/test_crash.py"),
)
def polite_agent(patient: Patient) -> AbstractContextManager[None]:
    """The agent closes its server before it exits: it lives on for whoever holds a connection, and then exits
    with 0.

    It is a class in an ES module, loaded by a dynamic import.
    """
    return golden_variant(patient, _CLOSE_FIRST)
