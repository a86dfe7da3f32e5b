"""The agent's source on the host is not the one that the golden snapshot was built from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

from lab.faults.patient import Patient

REDS = {"host.snapshot_not_older_than_inputs"}
LAYERS = ("host/test_snapshot.py", "host/test_vmm.py")
FOLDER = "/run/fa017"


@contextmanager
def inject(patient: Patient) -> Iterator[None]:
    """Somebody changed server.js and built nothing."""
    inputs = patient.settings.snapshot.inputs
    (server,) = [path for path in inputs if PurePosixPath(path).name == "server.js"]
    changed = f"{FOLDER}/server.js"
    named = [changed if path == server else path for path in inputs]
    change = f"mkdir -p {FOLDER}; (cat {server}; echo '// changed') >{changed}"
    with (
        patient.on_host(do=change, undo=f"rm -r {FOLDER}"),
        patient.profile(snapshot={"inputs": named}),
    ):
        yield
