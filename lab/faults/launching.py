"""A launch that comes to nothing in about a minute: less patience than the lab's, and what harms its VM."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from lab.faults.controller import Defect, defective
from lab.faults.patient import Patient

HEALTH_S, LAUNCH_S = 45, 60
"""As long as the controller asks for health, and as long as a launch may take: it is looked at meanwhile."""


@contextmanager
def launching(patient: Patient, *words: str) -> Iterator[None]:
    """The controller runs a program with ``TAP`` in its words once a VM's process was started, and is less
    patient than it is."""
    defect = Defect(
        python=f"""
        from dataclasses import replace
        from lab.controller import settings, vm
        read, start = settings.from_environment, vm.start
        settings.from_environment = lambda: replace(read(), health_timeout_s={HEALTH_S})
        async def start_and_harm(settings, machine):
            await start(settings, machine)
            words = [machine.tap if word == "TAP" else word for word in {list(words)!r}]
            if words:
                subprocess.run(words, check=True)
        vm.start = start_and_harm
        """,
        node=f"""
        own('settings').healthTimeoutMs = {HEALTH_S} * 1000;
        const firecracker = own('firecracker');
        const {{ start }} = firecracker;
        firecracker.start = async (vm) => {{
          const pid = await start(vm);
          const [program, ...words] = {json.dumps(words)}.map((word) => (word === 'TAP' ? vm.tap : word));
          if (program) {{
            execFileSync(program, words);
          }}
          return pid;
        }};
        """,
    )
    with patient.profile(session={"launch_s": LAUNCH_S}), defective(patient, defect):
        yield
