"""What lies on the host beside the live rows of ``vms``, and what belongs to what."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from harness.custodian.names import CLONE_NAME
from harness.database.vm_rows import LiveRow
from harness.errors import TransportError
from harness.host.facts import HostFacts
from harness.host.parts import DirectoryEntry, Jail, Jails, Listing, Process, Processes, Sockets, Tap, Taps
from harness.site.patterns import all_found
from harness.site.profile import Site

K = TypeVar("K")
V = TypeVar("V")
Mention = tuple[str, str]
"""``("id", …)`` of a VM, ``("path", …)`` without known links, or ``("instance", …)``: an ``--id`` that is a
VM's id without its prefix."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_CONTAINERS = re.compile(rf"(?:cni|netns)-{_UUID.pattern}")
"""Network namespaces of containers, as containerd and podman call them: a VM's id may be a bare one, too."""
_BEGINNING = 11
"""Characters of an id that a network namespace's name has at least: with `vm-`, eight that were drawn."""
_GOES_ON = re.compile(r"[0-9A-Za-z]")
"""What follows an id where a name begins with another, longer one."""


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
    def listing(self) -> Listing:
        """What lies in the folder of VM state, as far as it was told."""
        return self.facts.part("state", Listing)

    @cached_property
    def told_entries(self) -> Sequence[DirectoryEntry]:
        """Entries of that folder, but for those that the profile ignores; and what the jailer made."""
        ignored = self.site.state.ignored_entries
        found = (*self.listing.entries, *self.jails.jails, *self.jails.groups)
        return [one for one in found if name_of(one) not in ignored]

    @property
    def entries(self) -> Sequence[DirectoryEntry]:
        """All of them.

        :raises TransportError: there is more than was told.
        """
        _require_whole(self.listing, self.site.state.vms_dir)
        return self.told_entries

    @cached_property
    def jails(self) -> Jails:
        """What the jailer made."""
        return Jails() if self.site.state.jails_dir is None else self.facts.part("jails", Jails)

    @cached_property
    def sockets(self) -> Sockets:
        """What lies in the folder of API sockets, as far as it was told."""
        return self.facts.part("sockets", Sockets)

    @cached_property
    def told_sockets(self) -> Sequence[DirectoryEntry]:
        """Entries of that folder that are sockets, or are called ``*.sock`` or by a VM's id."""
        files = [one for one in self.sockets.entries if one.kind != "directory"]
        return [
            one
            for one in files
            if one.kind == "socket" or name_of(one).endswith(".sock") or self.ids(name_of(one))
        ]

    @property
    def api_sockets(self) -> Sequence[DirectoryEntry]:
        """All of them.

        :raises TransportError: there is more than was told.
        """
        _require_whole(self.sockets, self.site.state.sockets_dir)
        return self.told_sockets

    @cached_property
    def taps(self) -> Taps:
        """All TAP devices of the host and of the VMs' network namespaces."""
        return self.facts.part("taps", Taps)

    @cached_property
    def vm_taps(self) -> Sequence[Tap]:
        """TAP devices that are called as VMs' are."""
        return [one for one in self.taps.taps if self.site.state.is_a_vms(one.name)]

    @cached_property
    def namespaces(self) -> Sequence[str]:
        """Network namespaces that are called by VMs: other names tell nothing."""
        names = sorted(set(self.taps.names.values()))
        return [one for one in names if self._ids_in(one) and not _CONTAINERS.fullmatch(one)]

    def owner_of_namespace(self, name: str) -> LiveRow | None:
        """The live row whose VM a network namespace is called by."""
        return next((row for row in self.rows if self.is_called_by(name, row)), None)

    def is_called_by(self, name: str, row: LiveRow) -> bool:
        """Whether a network namespace's name says the row's VM: by its id, or else by the beginning of that,
        which an open pattern takes for an id, too."""
        told = self._ids_in(name)
        if row.vm_id in told or any(one in self._by_id for one in told):
            return row.vm_id in told
        if told:
            parts = (one for one in told if len(one) >= _BEGINNING)
            return any(begins(one, row.vm_id) for one in told) or any(map(row.vm_id.startswith, parts))
        return row.vm_id[:_BEGINNING] in name

    @cached_property
    def paths(self) -> Mapping[str, DirectoryEntry | None]:
        """Files that were asked for by name."""
        return self.facts.part("paths", dict[str, DirectoryEntry | None])

    def ids(self, text: str) -> list[str]:
        """VM ids in a name or a command line."""
        return all_found(self.site.state.vm_id_pattern, text)

    def plain(self, path: str) -> str:
        """A path without the links that are known: /var/run, and that of the folder of sockets."""
        folder, real = self.site.state.sockets_dir, self.sockets.real
        if folder is not None and path.startswith(f"{real}/"):
            path = folder + path.removeprefix(real)
        return path.removeprefix("/var") if path.startswith("/var/run/") else path

    def owner(self, name: str) -> LiveRow | None:
        """The live row whose VM id a name begins with."""
        ends = (at for at in range(len(name) + 1) if not _GOES_ON.match(name, at))
        return next((self._by_id[name[:at]] for at in ends if name[:at] in self._by_id), None)

    def owner_of_entry(self, entry: DirectoryEntry) -> LiveRow | None:
        """The live row whose VM id its name begins with; what the jailer made may be called otherwise."""
        name = name_of(entry)
        if entry not in self._jailers:
            return self.owner(name)
        bare = self._by_mention.get(("instance", name.casefold()), ())
        return next(iter(bare), None) or self.owner(name) or self._owners_inside.get(name)

    def owner_of_socket(self, entry: DirectoryEntry) -> LiveRow | None:
        """The live row that names a socket, or whose VM id it, or the folder that it is in, begins with."""
        by_path = self._by_mention.get(("path", self.plain(entry.path)))
        folder = (self.site.state.sockets_dir or "").rstrip("/")
        return by_path[0] if by_path else self.owner(entry.path.removeprefix(f"{folder}/").partition("/")[0])

    def names(self, process: Process, row: LiveRow) -> bool:
        """Whether a command line names the row's VM or its socket."""
        return not self._mentions(process).isdisjoint(self._mentioned_as(row))

    def claimants(self, process: Process) -> list[LiveRow]:
        """The rows whose VM or socket a command line names."""
        found = (row for one in self._mentions(process) for row in self._by_mention.get(one, ()))
        return list(dict.fromkeys(found))

    def named_by(self, row: LiveRow) -> Sequence[Process]:
        """The living VMMs that name the row's VM, by pid."""
        found = (process for one in self._mentioned_as(row) for process in self._living.get(one, ()))
        return sorted({one.pid: one for one in found}.values(), key=lambda one: one.pid)

    def has_process(self, row: LiveRow, process: Process) -> bool:
        """Whether a process is the row's: it names the VM, and the row's pid is not another such process."""
        if process.defunct or not self.names(process, row):
            return False
        recorded = self.vmm(row.firecracker_pid)
        return recorded in (None, process) or recorded.defunct or not self.names(recorded, row)

    def vmm(self, pid: int | None) -> Process | None:
        """The site's VMM with that pid."""
        return self._by_pid.get(pid)

    def socket_at(self, path: str) -> DirectoryEntry | None:
        """What was told of the folder of API sockets, by path."""
        return self._by_path.get(self.plain(path))

    def sockets_named(self, row: LiveRow) -> Sequence[DirectoryEntry]:
        """API sockets that are called by the row's VM id, or lie in its jail."""
        jailed = (socket for one in self.jails_of(row) for socket in one.sockets)
        return [*(one for one in self.api_sockets if begins(name_of(one), row.vm_id)), *jailed]

    def jails_of(self, row: LiveRow) -> list[Jail]:
        """The jails of the row's VM."""
        return [one for one in self.jails.jails if self.is_of(one, row)]

    def is_of(self, entry: DirectoryEntry, row: LiveRow) -> bool:
        """Whether an entry's name is the row's VM's, be that live or not; or what is in it, of a jail."""
        bare = ("instance", name_of(entry).casefold()) in self._mentioned_as(row) and entry in self._jailers
        inside = isinstance(entry, Jail) and not self._inside(entry).isdisjoint(self._mentioned_as(row))
        return bare or inside or begins(name_of(entry), row.vm_id)

    def words(self, process: Process) -> list[str]:
        """A command line's words; the paths of one in a jail are told as the host has them."""
        words = process.command.split()
        jail = next((one for one in self.jails.jails if process.pid in one.pids), None)
        if jail is None:
            return words
        return [jail.path, *(_within(f"{jail.path}/root", word) for word in words)]

    def tap(self, netns: int, index: int) -> Tap | None:
        """The TAP with that index in that namespace."""
        return next((one for one in self.taps.taps if (one.netns, one.index) == (netns, index)), None)

    def taps_of(self, row: LiveRow) -> list[Tap]:
        """The TAP devices that are the row's."""
        named = (tap for name in sorted(self.tap_names(row)) for tap in self._taps_by_name.get(name, ()))
        return [one for one in named if self.has_tap(row, one)]

    def owner_of_tap(self, tap: Tap) -> LiveRow | None:
        """The live row whose TAP it is."""
        return next((row for row in self._by_tap.get(tap.name, ()) if self.has_tap(row, tap)), None)

    def tap_names(self, row: LiveRow) -> set[str]:
        """Names the row's TAP may have: the column's, and that by its id."""
        return {self.site.state.tap_of(row.vm_id)} | ({row.tap_device} if row.tap_device else set())

    def has_tap(self, row: LiveRow, tap: Tap) -> bool:
        """Whether a TAP is the row's: by name, and by the namespace, too, outside the host's own one or where
        all TAPs are called so."""
        if tap.name not in self.tap_names(row):
            return False
        return self._surely_has(row, tap) or self.is_called_by(tap.netns_name, row)

    def _surely_has(self, row: LiveRow, tap: Tap) -> bool:
        """Of one with its name: whether what tells of it is no other VM's as well."""
        if tap.netns == self.taps.host_netns and not self.site.state.is_every_vms(tap.name):
            return True
        return tap.netns in self._namespaces(row) or row.vm_id in self._ids_in(tap.netns_name)

    def sharers(self, row: LiveRow, tap: Tap) -> list[LiveRow]:
        """Other rows that surely have the very same TAP, though each VM is to have a namespace of its own."""
        if self.site.state.tap_id_characters is not None:
            return []
        named = self._by_tap.get(tap.name, ())
        return [one for one in named if one != row and self._surely_has(one, tap)]

    def expects_process(self, row: LiveRow) -> bool:
        """Whether the row's status promises a running VMM."""
        return row.status not in self.site.database.processless_vm_statuses

    # A folder may hold thousands of entries, and each is looked up rather than held against every row.

    @cached_property
    def _by_id(self) -> Mapping[str, LiveRow]:
        return {row.vm_id: row for row in reversed(self.rows)}

    @cached_property
    def _by_mention(self) -> Mapping[Mention, list[LiveRow]]:
        return _grouped((one, row) for row in self.rows for one in self._mentioned_as(row))

    @cached_property
    def _by_tap(self) -> Mapping[str, list[LiveRow]]:
        return _grouped((name, row) for row in self.rows for name in self.tap_names(row))

    @cached_property
    def _by_pid(self) -> Mapping[int | None, Process]:
        return {one.pid: one for one in self.processes.vmms}

    @cached_property
    def _by_path(self) -> Mapping[str, DirectoryEntry]:
        return {self.plain(one.path): one for one in reversed(self.sockets.entries)}

    @cached_property
    def _taps_by_name(self) -> Mapping[str, list[Tap]]:
        return _grouped((one.name, one) for one in self.taps.taps)

    @cached_property
    def _living(self) -> Mapping[Mention, list[Process]]:
        living = (one for one in self.processes.vmms if not one.defunct)
        return _grouped((mention, one) for one in living for mention in self._mentions(one))

    @cached_property
    def _jailers(self) -> frozenset[DirectoryEntry]:
        return frozenset((*self.jails.jails, *self.jails.groups))

    @cached_property
    def _owners_inside(self) -> Mapping[str, LiveRow]:
        """Whose a jail is by what is in it, by the jail's name, which its control groups have, too."""
        found = ((one, self._by_mention.get(said)) for one in self.jails.jails for said in self._inside(one))
        return {name_of(one): rows[0] for one, rows in found if rows}

    def _inside(self, jail: Jail) -> frozenset[Mention]:
        """What a row may be named by in a jail: its sockets, and what the VMMs in it say of themselves."""
        sockets = {("path", self.plain(one.path)) for one in jail.sockets}
        vmms = (vmm for pid in jail.pids if (vmm := self.vmm(pid)) and not vmm.defunct)
        return frozenset(sockets).union(*map(self._mentions, vmms))

    def _ids_in(self, name: str) -> list[str]:
        """Each is asked of every row."""
        if name not in self._known_names:
            self._known_names[name] = self.ids(name)
        return self._known_names[name]

    @cached_property
    def _known_names(self) -> dict[str, list[str]]:
        return {}

    @cached_property
    def _known_mentions(self) -> dict[int, frozenset[Mention]]:
        return {}

    @cached_property
    def _known_namespaces(self) -> dict[LiveRow, set[int | None]]:
        return {}

    def _namespaces(self, row: LiveRow) -> set[int | None]:
        """Network namespaces of the VMMs that name the row."""
        if row not in self._known_namespaces:
            self._known_namespaces[row] = {one.netns for one in self.named_by(row)}
        return self._known_namespaces[row]

    def _mentions(self, process: Process) -> frozenset[Mention]:
        """What a command line may name a row by."""
        known = self._known_mentions
        if process.pid not in known:
            ids = {("id", vm_id) for vm_id in self.ids(process.command)}
            paths = {("path", self.plain(word)) for word in self.words(process)}
            instance = _option(process, "--id").casefold()
            known[process.pid] = frozenset(ids | paths | {("instance", instance)})
        return known[process.pid]

    def _mentioned_as(self, row: LiveRow) -> list[Mention]:
        path = [] if row.socket_path is None else [("path", self.plain(row.socket_path))]
        bare = row.vm_id.partition("-")[2]
        return [("id", row.vm_id), *path, *([("instance", bare.casefold())] if _UUID.fullmatch(bare) else [])]


def _grouped(pairs: Iterable[tuple[K, V]]) -> Mapping[K, list[V]]:
    found: dict[K, list[V]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found


def _require_whole(listing: Listing, folder: str | None) -> None:
    """Where there is no such folder, nothing of it is left out."""
    if not listing.is_whole:
        raise TransportError(
            f"{folder} holds {listing.count} entries, and only the first {len(listing.entries)} were looked"
            " at: what is not among them cannot be told",
            hint="see host.no_vm_files_without_row and host.no_socket_without_row, and clean up",
        )


def begins(name: str, vm_id: str) -> bool:
    """Whether a name begins with the whole of a VM id."""
    return name.startswith(vm_id) and not _GOES_ON.match(name, len(vm_id))


def _option(process: Process, name: str) -> str:
    words = [part for word in process.command.split() for part in _apart(word, name)]
    return next((value for word, value in itertools.pairwise(words) if word == name), "")


def _within(root: str, word: str) -> str:
    """A path, be it an option's, as seen from outside of a jail."""
    option, slash, path = word.partition("/")
    return f"{option}{root}/{path}" if slash and (not option or option.endswith("=")) else word


def _apart(word: str, name: str) -> list[str]:
    """An option and its value; a jailer writes them as one word."""
    return [name, word.removeprefix(f"{name}=")] if word.startswith(f"{name}=") else [word]


def name_of(entry: DirectoryEntry) -> str:
    """The last part of an entry's path."""
    return entry.path.rpartition("/")[2]
