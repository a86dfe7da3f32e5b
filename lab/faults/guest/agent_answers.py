"""The agent says what is undocumented, dies of half a JSON, drops many connections, and listens on ``::``."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.edit import AGENT, UNIT, edited
from lab.faults.patient import Patient
from lab.faults.variant import golden_variant

REDS = {
    "guest.health_says_what_is_documented",
    "guest.unknown_path_is_a_json_404",
    "guest.bad_json_is_a_json_400",
    "guest.health_is_steady_under_load",
    "guest.port_is_the_agents",
}
LAYERS = ("guest/test_health.py",)
_SCRIPT = (
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


def inject(patient: Patient) -> AbstractContextManager[None]:
    """Each answer is wrong in its own way; the first one, 200, is right."""
    return golden_variant(patient, _SCRIPT)
