"""The agent carries on after errors, logs them in words of its own, and waits for its database for ever."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.edit import AGENT, UNIT, edited
from lab.faults.patient import Patient
from lab.faults.variant import golden_variant

REDS = {
    *(f"guest.handler_{claim}" for claim in ("is_registered_first", "exits")),
    "guest.server_error_handler_exits",
    "guest.server_listens_on_every_address",
    "guest.database_calls_have_a_timeout",
    *(f"guest.uncaught_exception_{claim}" for claim in ("is_logged", "ends_the_agent", "is_recovered_from")),
    *(f"guest.unhandled_rejection_{claim}" for claim in ("is_logged", "ends_the_agent", "is_recovered_from")),
    *(f"guest.taken_port_{claim}" for claim in ("is_logged", "ends_the_agent")),
    "guest.silent_database_does_not_hang_a_login",
    "guest.silent_database_leaves_health_alone",
    "guest.silent_database_is_logged",
}
LAYERS = (
    "guest/test_source.py",
    "guest/test_crash.py",
    "guest/test_taken_port.py",
    "guest/test_silent_database.py",
)
_HANDLERS = """
process.on('uncaughtException', (error) => console.error('oops:', error));
process.on('unhandledRejection', (reason) => console.error('oops:', reason));
"""
_SCRIPT = (
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
    + f"cat >>{AGENT}/server.js <<'END'\n{_HANDLERS}END\nsystemctl restart {UNIT}\n"
)  # fmt: skip


def inject(patient: Patient) -> AbstractContextManager[None]:
    """All of the runbook's three fixes are undone; systemd still does its part."""
    return golden_variant(patient, _SCRIPT)
