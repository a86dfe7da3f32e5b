"""What clones of one snapshot must not share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.faults.edit import AGENT, UNIT, edited
from lab.faults.fault import fault
from lab.faults.patient import Patient
from lab.faults.variant import golden_variant

_GUARD = "/usr/local/lib/clone-guard/guard"
STOPPED_CLOCK = edited(f"{_GUARD}/clock.py", ("if moment > time.time()", "if moment < 0"))
_SHARE = (
    STOPPED_CLOCK
    + edited(f"{_GUARD}/network.py", ("        self._ioctl(_SIOCSIFHWADDR", "        # self._ioctl("))
    + edited(f"{_GUARD}/entropy.py", ('Path("/dev/urandom")', 'Path("/dev/random")'))
    + edited(
        f"{AGENT}/login.js",
        ("state: secret()", "state: seed(0)"),
        ("code_verifier: secret()", "code_verifier: seed(40)"),
        (
            "const PATIENCE_MS",
            "const seed = (at) => require('node:fs').readFileSync('/root/urandom')"
            ".subarray(at, at + 32).toString('base64url');\nconst PATIENCE_MS",
        ),
    )
    + edited(
        f"{AGENT}/server.js",
        (
            "  sessions.put(sessionId, login);",
            "  sessions.put(sessionId, login);\n  if (provider === 'gemini_cli') login.oauthUrl = undefined;",
        ),
        ("activeSessions: sessions.size", "activeSessions: 0"),
    )
    + f"""
systemctl restart {UNIT}
head -c 1000000 /dev/urandom >/root/urandom
mount --bind /root/urandom /dev/urandom
"""
)


@fault(
    reds={
        "guest.kernel_randomness_is_distinct",
        "guest.agent_randomness_is_distinct",
        "guest.network_identity_is_distinct",
        "guest.clones_answer_for_themselves",
        "guest.clock_is_right_after_restore",
        "guest.clock_is_right[golden]",
        "guest.only_what_may_be_is_shared",
        "guest.login_gives_an_oauth_url",
    },
    asks=("guest/test_clones.py", "guest/test_clock.py"),
)
@contextmanager
def unsafe_clones(patient: Patient) -> Iterator[None]:
    """Clones are not made their own: same randomness, MAC, clock and keys; and their logins go wrong.

    A file stands in for the kernel's generator, whose state alone decides nothing: its draws race.
    """
    with golden_variant(patient, _SHARE), patient.profile(guest={"shared_identity": []}):
        yield
