"""The end of a session's VM, watched from the host."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

from harness.host import Host

_GRACE_S = 15.0


@dataclass(frozen=True)
class VmEnd:
    """What was left of it when the time was over: nothing, if all is well."""

    left: tuple[str, ...]
    took_s: float


def watch_end(host: Host, vm_id: str, *, timeout_s: float) -> VmEnd:
    """Wait until no process and no file of a VM is left."""
    source = (resources.files("harness") / "probes" / "vm_end.py").read_text(encoding="utf-8")
    state = host.site.state
    asked = {"vm_id": vm_id, "folders": [state.vms_dir, state.sockets_dir], "timeout_s": timeout_s}
    seen = host.python(source, asked, timeout_s=timeout_s + _GRACE_S)
    return VmEnd(tuple(seen["left"]), float(seen["took_s"]))
