"""The agent of the golden snapshot does not answer, each time for another cause that the guest can tell."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.faults.edit import AGENT, UNIT, UNIT_FILE, edited
from lab.faults.fault import Fault
from lab.faults.patient import Patient
from lab.faults.variant import golden_variant

HEALTH = ("guest/test_health.py::test_health_answers_in_time",)
HEALTHY = "guest.health_answers_in_time"
PATIENCE_S = 20
"""What never comes need not be waited for long."""
_SERVER = f"{AGENT}/server.js"
_AGAIN = f"systemctl daemon-reload\nsystemctl restart --no-block {UNIT} || true\nsleep 4\n"
_STOP = f"systemctl stop {UNIT}\n"


def _server(old: str, new: str) -> str:
    """The agent's entry edited, and started anew."""
    return edited(_SERVER, (old, new)) + _AGAIN


def _unit(*pairs: tuple[str, str]) -> str:
    """The agent's unit edited, and started anew."""
    return edited(UNIT_FILE, *pairs) + _AGAIN


def down(name: str, breaks: str, script: str) -> Fault:
    """A golden snapshot whose agent is down by ``script``."""

    @contextmanager
    def inject(patient: Patient) -> Iterator[None]:
        health = {"restore_health_s": PATIENCE_S}
        with golden_variant(patient, script, healthy=False), patient.profile(guest=health):
            yield

    return Fault(
        name=f"guest.agent_{name}",
        breaks=breaks,
        inject=inject,
        asks=HEALTH,
        reds=frozenset({HEALTHY}),
        cause=f"agent.{name}",
    )


_NEEDS_MODE = edited(
    _SERVER,
    ("const PORT =", "if (!process.env.AGENT_MODE) throw new Error('AGENT_MODE is not set');\nconst PORT ="),
)
_ENVIRONMENT = "Environment=PORT=8080\nEnvironmentFile="
_QUEUE_FULL = """server.listen({ port: PORT, host: '0.0.0.0', backlog: 1 }, () => {
  const calls = 'import socket,time\\nheld=[socket.socket() for _ in range(4)]\\n' +
    'for one in held: one.setblocking(False); one.connect_ex(("127.0.0.1", 8080))\\ntime.sleep(1e6)';
  require('node:child_process').spawn('/usr/bin/python3', ['-S', '-c', calls]);
  for (;;) { require('node:fs').readFileSync('/proc/self/fdinfo/0'); }
"""
_THROW = ("const PORT =", "throw new Error('boom');\nconst PORT =")

FAULTS = (
    down(
        "module_missing",
        "A file that the agent requires is not in the image: it was not copied.",
        f"rm {AGENT}/http.js\n{_AGAIN}",
    ),
    down("entry_missing", "The agent's entry is not in the image.", f"rm {_SERVER}\n{_AGAIN}"),
    down(
        "environment_file_missing",
        "The agent's unit names an environment file that is not there.",
        _unit(("Environment=PORT=8080", f"{_ENVIRONMENT}/root/none.env")),
    ),
    down(
        "environment_line_refused",
        "A line of the agent's environment file is a shell's, and the agent needs what it sets.",
        _NEEDS_MODE
        + "echo 'export AGENT_MODE=full' >/root/agent.env\n"
        + _unit(("Environment=PORT=8080", f"{_ENVIRONMENT}/root/agent.env")),
    ),
    down(
        "exec_failed",
        "The agent's unit starts a program that the image does not have.",
        _unit(("/usr/bin/node /root", "/usr/bin/node18 /root")),
    ),
    down(
        "directory_missing",
        "The agent's unit is to run in a folder that is not there.",
        _unit((f"WorkingDirectory={AGENT}", "WorkingDirectory=/root/gone")),
    ),
    down(
        "user_missing",
        "The agent's unit is to run as a user that the image does not know.",
        _unit(("User=root", "User=agent")),
    ),
    down(
        "memory_limit",
        "The agent's unit may have so little memory that each start of it is killed.",
        _unit(("=512M", "=6M")),
    ),
    down(
        "unit_missing",
        "The image has no unit for the agent.",
        f"{_STOP}rm {UNIT_FILE}\nsystemctl daemon-reload\n",
    ),
    down(
        "unit_masked",
        "The agent's unit is masked.",
        f"{_STOP}rm {UNIT_FILE}\nsystemctl daemon-reload\nsystemctl mask {UNIT}\n",
    ),
    down(
        "unit_refused",
        "The agent's unit file starts nothing, so systemd refuses it.",
        _STOP + _unit(("ExecStart=/usr/bin/node /root/vm-browser-agent/server.js\n", "")),
    ),
    down(
        "given_up",
        "The agent crashes, and systemd has given it up after a few starts.",
        edited(_SERVER, _THROW)
        + _unit(
            ("StartLimitIntervalSec=0", "StartLimitIntervalSec=600"),
            ("RestartSec=5", "RestartSec=0"),
            ("ExecStartPre=/bin/sleep 2\n", ""),
        )
        + f"until systemctl is-failed --quiet {UNIT}; do sleep 1; done\n",
    ),
    down(
        "never_started_yet",
        "What the agent's unit runs before the agent never ends.",
        _unit(("/bin/sleep 2", "/bin/sleep 1000000")),
    ),
    down("crashes", "The agent throws an error of its own as it starts.", _server(*_THROW)),
    down(
        "not_enabled",
        "The agent's unit is neither enabled nor started.",
        f"systemctl disable --now {UNIT}\n",
    ),
    down("stopped", "The agent was stopped by systemctl before the snapshot.", _STOP),
    down(
        "does_not_listen",
        "The agent runs, and waits for something before it listens that never comes.",
        _server("server.listen(PORT, '0.0.0.0', ", "setInterval(() => {}, 1e6);\nserver.once('never', "),
    ),
    down(
        "listens_on_loopback",
        "The agent listens at 127.0.0.1, where nobody from outside comes.",
        _server("PORT, '0.0.0.0'", "PORT, '127.0.0.1'"),
    ),
    down(
        "port_is_anothers",
        "Another program has the agent's port, and serves pages there; the agent is down.",
        _STOP + "systemd-run --quiet --unit=stranger python3 -S -m http.server 8080\nsleep 2\n",
    ),
    down(
        "hangs",
        "The agent's process is stopped: it takes connections, and answers none.",
        f"systemctl kill --kill-whom=main --signal=STOP {UNIT}\n",
    ),
    down(
        "answers_badly",
        "The agent answers its health request with 503.",
        _server("sendJson(response, 200, {\n    status", "sendJson(response, 503, {\n    status"),
    ),
    down(
        "port_is_dropped",
        "The agent's queue of connections is full and nobody takes from it: the kernel drops what comes.",
        _server("server.listen(PORT, '0.0.0.0', () => {\n", _QUEUE_FULL) + "sleep 8\n",
    ),
    down(
        "file_system_read_only",
        "The root file system is read-only, as after a disk error, and the agent needs to write.",
        edited(
            _SERVER, ("const PORT =", "require('node:fs').writeFileSync('/root/started', '');\nconst PORT =")
        )
        + f"sync\necho u >/proc/sysrq-trigger\nsleep 1\n{_AGAIN}",
    ),
)
