"""Whether VMs that run in jails have all that is theirs there, so that a profile can say that no folder has.

One VM that has something elsewhere is enough to say nothing: nobody would look for what it leaves there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from harness.survey.answer import Answer, Found, Open, several, the_one
from harness.survey.ids import shape_of
from harness.survey.seen import DISKS, HostSeen, Rows, Vmm

_SOCKETS = (".sock", ".socket")


def no_folder(seen: HostSeen, rows: Rows, look: str) -> Answer:
    """`none` for the folder of VM state, where each VM that runs has a disk that is its jail's alone."""
    if not _are_jailed(seen):
        return Open(look)
    doubts = [why for one in seen.theirs if (why := _disk_doubt(one))]
    doubts += _called(path for path in seen.told.called if not path.endswith(_SOCKETS))
    told = (Found("none", f"{one.told} has {_disks(one)[0]} in its jail alone") for one in seen.theirs)
    return _none(told, [*doubts, *_unseen(seen, rows)], look)


def no_sockets(seen: HostSeen, rows: Rows, look: str) -> Answer:
    """`none` for the folder of sockets, where each VM that runs has its own in its jail alone."""
    if not _are_jailed(seen):
        return Open(look)
    doubts = [f"{one.told} tells no API socket" for one in seen.theirs if not _as_inside(one)]
    doubts += [*_said(seen, rows), *_called(seen.told.called)]
    told = (Found("none", f"{one.told} has {one.api_socket} in its jail alone") for one in seen.theirs)
    return _none(told, [*doubts, *_unseen(seen, rows)], look)


def _are_jailed(seen: HostSeen) -> bool:
    """All of them, for all that was seen."""
    bases = {one.jails_dir for one in seen.theirs}
    return len(bases) == 1 and "" not in bases and not seen.told.lacks("VMMs")


def _none(told: Iterator[Found], doubts: list[str], look: str) -> Answer:
    if doubts:
        return Open(f"{look}; that it is none does not show: {several(doubts)}")
    return the_one(told, look)


def _called(paths: Iterable[str]) -> Iterator[str]:
    yield from (f"{one} is called by a VM that runs" for one in paths)


def _unseen(seen: HostSeen, rows: Rows) -> Iterator[str]:
    """Why something may be elsewhere, and was not seen."""
    yield from (f"{one} was not looked through to its end" for one in seen.told.uncalled)
    if why := seen.told.unseen.get("folders"):
        yield f"folders were not looked through: {why}"
    ids = [vm_id for row in rows.vms if (vm_id := row.get("vm_id"))]
    shapes = {shape_of(part) for one in ids for part in (one, one.partition("-")[2])}
    for name in sorted({PurePosixPath(one.opened.root).parent.name for one in seen.theirs}):
        if ids and shape_of(name) not in shapes:
            yield f"the jail {name} is not called by a VM's id, as {ids[0]}: what is was not looked for"


def _said(seen: HostSeen, rows: Rows) -> Iterator[str]:
    """Sockets of rows that lie in no jail, and are not as its VMM has it there."""
    inside = {_as_inside(one) for one in seen.theirs}
    bases = tuple(f"{one.jails_dir}/" for one in seen.theirs)
    paths = {path for row in rows.vms if (path := row.get("socket_path"))}
    yield from (f"vms.socket_path says {one}" for one in sorted(paths - inside) if not one.startswith(bases))


def _disk_doubt(one: Vmm) -> str:
    if brought := [path for path in one.opened.brought if path.endswith(DISKS)]:
        return f"{brought[0]} is mounted or linked into its jail, from a folder that may be VMs' own"
    return "" if _disks(one) else f"{one.told} has no disk open in its jail"


def _disks(one: Vmm) -> list[str]:
    inside = (path for path in one.opened.files if path.startswith(f"{one.opened.root}/"))
    return [path for path in inside if path.endswith(DISKS)]


def _as_inside(one: Vmm) -> str:
    """The path of its socket in the jail; empty where it tells none."""
    path, root = one.api_socket or "", one.opened.root
    return path.removeprefix(root) if path.startswith(f"{root}/") else ""
