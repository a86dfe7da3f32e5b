"""The golden snapshot's files are not as built, or built from something else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import PurePosixPath

from lab.faults.fault import fault
from lab.faults.golden import golden_copy
from lab.faults.patient import Patient

SNAPSHOT = ("host/test_snapshot.py", "host/test_vmm.py")
"""What looks at the golden snapshot's files."""


@fault(
    reds={"host.snapshot_present"},
    behind={"host.snapshot_whole": "host.snapshot_present"},
    asks=SNAPSHOT,
)
def memory_empty(patient: Patient) -> AbstractContextManager[None]:
    """The golden snapshot's memory file is empty, as a full disk leaves it."""
    return golden_copy(patient, "memory", ": >$file")


@fault(reds={"host.snapshot_whole"}, asks=SNAPSHOT)
def memory_altered(patient: Patient) -> AbstractContextManager[None]:
    """A byte of the golden memory file was changed; its size is the same."""
    return golden_copy(patient, "memory", "printf X | dd of=$file bs=1 seek=4096 conv=notrunc status=none")


@fault(reds={"host.snapshot_whole", "host.snapshot_loadable"}, asks=SNAPSHOT)
def vmstate_damaged(patient: Patient) -> AbstractContextManager[None]:
    """The golden snapshot's device state is damaged: its beginning is overwritten."""
    return golden_copy(patient, "vmstate", "printf X | dd of=$file bs=1 seek=0 conv=notrunc status=none")


_MEND_BY_HAND = """cd $(dirname $file)
echo '// mended by hand' >server.js
debugfs -w -R 'rm /root/vm-browser-agent/server.js' $file 2>/dev/null
debugfs -w -R 'write server.js /root/vm-browser-agent/server.js' $file 2>/dev/null
"""


@fault(reds={"host.disk_holds_agent_and_unit", "host.snapshot_whole"}, asks=SNAPSHOT)
def other_agent_on_disk(patient: Patient) -> AbstractContextManager[None]:
    """The golden disk holds another agent than it was built with: somebody wrote to it."""
    return golden_copy(patient, "disk", _MEND_BY_HAND)


@fault(reds={"host.snapshot_not_older_than_inputs"}, asks=SNAPSHOT)
@contextmanager
def newer_input(patient: Patient) -> Iterator[None]:
    """The agent's source on the host is not the one that the golden snapshot was built from.

    Somebody changed server.js and built nothing.
    """
    folder = "/run/fa017"
    inputs = patient.settings.snapshot.inputs
    (server,) = [path for path in inputs if PurePosixPath(path).name == "server.js"]
    changed = f"{folder}/server.js"
    named = [changed if path == server else path for path in inputs]
    change = f"mkdir -p {folder}; (cat {server}; echo '// changed') >{changed}"
    with (
        patient.on_host(do=change, undo=f"rm -r {folder}"),
        patient.profile(snapshot={"inputs": named}),
    ):
        yield
