"""What lies on the host beside the live rows of ``vms``, and what belongs to what."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from harness.custodian.names import CLONE_NAME
from harness.database.vm_rows import LiveRow
from harness.host.facts import HostFacts
from harness.host.parts import DirectoryEntry, Process, Processes, Sockets, Tap, Taps
from harness.site.profile import Site


@dataclass(frozen=True)
class Inventory:
    """The host's things and the live rows at about one moment, and what belongs to what."""

    site: Site
    facts: HostFacts
    rows: Sequence[LiveRow]

    @cached_property
    def processes(self) -> Processes:
        """VMMs of the site: without the suite's own clones, which live in namespaces of their own."""
        found = self.facts.part("processes", Processes)
        theirs = tuple(one for one in found.vmms if not CLONE_NAME.fullmatch(_option(one, "--id")))
        return Processes(theirs, found.names)

    @cached_property
    def entries(self) -> Sequence[DirectoryEntry]:
        """What lies in the folder of VM state."""
        return [
            one
            for one in self.facts.part("state", tuple[DirectoryEntry, ...])
            if name_of(one) not in self.site.state.ignored_entries
        ]

    @cached_property
    def sockets(self) -> Sockets:
        """All that lies in the folder of API sockets."""
        return self.facts.part("sockets", Sockets)

    @cached_property
    def api_sockets(self) -> Sequence[DirectoryEntry]:
        """Entries of that folder that are sockets, or are called ``*.sock`` or by a VM's id."""
        files = [one for one in self.sockets.entries if one.kind != "directory"]
        return [
            one
            for one in files
            if one.kind == "socket" or name_of(one).endswith(".sock") or self.ids(name_of(one))
        ]

    @cached_property
    def taps(self) -> Taps:
        """All TAP devices of the host and of the VMs' network namespaces."""
        return self.facts.part("taps", Taps)

    @cached_property
    def vm_taps(self) -> Sequence[Tap]:
        """TAP devices with the VMs' prefix."""
        return [one for one in self.taps.taps if one.name.startswith(self.site.state.tap_prefix)]

    @cached_property
    def paths(self) -> Mapping[str, DirectoryEntry | None]:
        """Files that were asked for by name."""
        return self.facts.part("paths", dict[str, DirectoryEntry | None])

    def ids(self, text: str) -> list[str]:
        """VM ids in a name or a command line."""
        return [found[0] for found in re.finditer(self.site.state.vm_id_pattern, text)]

    def plain(self, path: str) -> str:
        """A path without the links that are known: /var/run, and that of the folder of sockets."""
        folder, real = self.site.state.sockets_dir, self.sockets.real
        if path.startswith(f"{real}/"):
            path = folder + path.removeprefix(real)
        return path.removeprefix("/var") if path.startswith("/var/run/") else path

    def owner(self, name: str) -> LiveRow | None:
        """The live row whose VM id a name begins with."""
        return next((row for row in self.rows if begins(name, row.vm_id)), None)

    def names(self, process: Process, row: LiveRow) -> bool:
        """Whether a command line names the row's VM or its socket."""
        words = process.command.split()
        return row.vm_id in self.ids(process.command) or (
            row.socket_path is not None and self.plain(row.socket_path) in map(self.plain, words)
        )

    def named_by(self, row: LiveRow) -> list[Process]:
        """The living VMMs that name the row's VM."""
        return [one for one in self.processes.vmms if not one.defunct and self.names(one, row)]

    def has_process(self, row: LiveRow, process: Process) -> bool:
        """Whether a process is the row's: it names the VM, and the row's pid is not another such process."""
        ours = self.named_by(row)
        if process not in ours:
            return False
        return process.pid == row.firecracker_pid or row.firecracker_pid not in {one.pid for one in ours}

    def tap_names(self, row: LiveRow) -> set[str]:
        """Names the row's TAP may have: the column's, and prefix + beginning of the id."""
        state = self.site.state
        derived = state.tap_prefix + row.vm_id[: state.tap_id_characters]
        return {derived} | ({row.tap_device} if row.tap_device else set())

    def has_tap(self, row: LiveRow, tap: Tap) -> bool:
        """Whether a TAP is the row's: by name, and outside the host's own namespace by the namespace, too."""
        if tap.name not in self.tap_names(row):
            return False
        inside = {one.netns for one in self.named_by(row)}
        return tap.netns in {self.taps.host_netns, *inside} or row.vm_id[:11] in tap.netns_name

    def expects_process(self, row: LiveRow) -> bool:
        """Whether the row's status promises a running VMM."""
        return row.status not in self.site.database.processless_vm_statuses


def begins(name: str, vm_id: str) -> bool:
    """Whether a name begins with the whole of a VM id."""
    return re.match(rf"{re.escape(vm_id)}(?![0-9A-Za-z])", name) is not None


def _option(process: Process, name: str) -> str:
    words = process.command.split()
    return next((value for word, value in itertools.pairwise(words) if word == name), "")


def name_of(entry: DirectoryEntry) -> str:
    """The last part of an entry's path."""
    return PurePosixPath(entry.path).name
