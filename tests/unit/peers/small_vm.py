"""A clone that is none: its agent is whoever listens at a unix socket, all else about it is laid down."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from harness.errors import CommandError
from harness.run import Result
from harness.site.profile import Site
from harness.vm.clone import Clone
from harness.vm.machine import Vm


class SmallVm(Vm):
    """Its custodian gives the ``answers``, an exception among them being raised.

    :param agent: the agent's socket.
    :param said: what every script in the guest prints.
    """

    def __init__(self, agent: Path, site: Site, *, said: str = "", **answers: object) -> None:
        self.answers: dict[str, object] = {
            "alive": True,
            "relay_error": "",
            "read": "console",
            "process": {"pid": None, "exit_status": None, "rss_kib": 0, "private_kib": 0},
            **answers,
        }
        self.said = said
        clone = SimpleNamespace(
            hypervisor=SimpleNamespace(site=site, python=_nobody),
            name="acc-000000-1",
            started_at=time.monotonic(),
            timings={},
            api=SimpleNamespace(traffic=[]),
            paths={site.guest.ssh_port: agent, site.agent.port: agent},
            ask=self._answer,
            last_words=lambda: "it ended with status 0",
        )
        super().__init__(cast(Clone, clone), health_s=site.guest.restore_health_s)

    def script(self, text: str, *, timeout_s: float) -> Result:  # noqa: ARG002 - as a VM has it
        return Result(("sh",), 0, self.said, "")

    def _answer(self, op: str, **_: object) -> Any:
        answer = self.answers[op]
        if isinstance(answer, Exception):
            raise answer
        return answer


def _nobody(*_: object, **__: object) -> Any:
    raise CommandError("there is no host to ask")


def state(*journal: str, pid: int = 7, restarts: int = 0) -> str:
    """What a guest prints of its agent's unit: its process, and lines of its journal."""
    head = f"UPTIME=99.0\nMainPID={pid}\nNRestarts={restarts}\nActiveState=active\n"
    lines = (f'{{"MESSAGE": "{line}", "__MONOTONIC_TIMESTAMP": "100000000"}}\n' for line in journal)
    return head + "".join(lines)
