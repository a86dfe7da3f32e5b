"""The VMMs of a host, and where the state of its VMs lies."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from harness.survey.answer import Answer, Answers, Found, Open, several, the_one
from harness.survey.ids import id_in, named_by, pattern_of, shape_of
from harness.survey.jailed import no_folder, no_sockets
from harness.survey.seen import DISKS, HostSeen, Rows, Vmm

_DEEPEST_SOCKET = 2
_COMM = 15
"""Characters of a process's name."""


def vmm(seen: HostSeen) -> Answers:
    """The binary, its name and its version: of VMs that run, or else of what is installed."""
    running = seen.theirs
    look = "the VMM's path, name and release" + ("" if running else f"; {_none_runs(seen)}")
    names = [Found(one.process.comm, f"ps, {one.told}") for one in running]
    programs = [Found(one.opened.program, f"ps, {one.told}") for one in running if one.opened.program]
    releases = [(one.opened.program, one.opened.version) for one in running]
    if not running:
        releases = list(seen.told.installed.items())
        programs = [Found(path, "the only one installed; no VMM runs") for path, _ in releases]
        names = [Found(PurePosixPath(path).name[:_COMM], f"{path}; no VMM runs") for path, _ in releases]
    binary = the_one(programs, look)
    if jailed := [one for one in running if one.opened.root != "/"]:  # each runs a copy of its own
        outside = [
            Found(copied, f"{one.told} runs a copy of it in {one.opened.root}")
            for one in jailed
            if (copied := one.opened.copy_of)
        ]
        binary = the_one(outside, _exec_file(seen))
    versions = [
        Found(release[0], f"{program} --version")
        for program, version in releases
        if (release := re.match(r"\d+\.\d+\.", version))
    ]
    return {
        "binary": binary,
        "process_name": the_one(names, look),
        "version": the_one(versions, f"what `{seen.name} --version` begins with, as 1.7."),
        "kvm": _kvm(seen),
    }


def _none_runs(seen: HostSeen) -> str:
    """What to do where no VM is seen, which may be there under another name."""
    if seen.theirs:
        return "the VMs that run do not tell"
    users = several(list(seen.told.kvm_users))
    other = f"; KVM is open in {users}: is that a VMM, give its name by --process-name" if users else ""
    return f"no VMM called {seen.name} runs: launch a session, and look again{other}{seen.told.lacks('VMMs')}"


def _exec_file(seen: HostSeen) -> str:
    there = several([f"{path} ({version})" for path, version in seen.told.installed.items()])
    return f"the VMM's binary as the jailer was given it (--exec-file); installed: {there or 'none'}"


def _kvm(seen: HostSeen) -> Answer:
    """A host that has lost its KVM is broken: only where VMs run without it is none needed."""
    told = [
        Found("/dev/kvm", f"{one.told} has it open")
        if one.opened.kvm
        else Found("none", f"{one.told} runs without it")
        for one in seen.theirs
        if one.opened.kvm or any(path.endswith(DISKS) for path in one.opened.files)  # else no VM is in it yet
    ]
    if told:
        return the_one(told, "the device of KVM")
    if seen.kvm_fault is None:
        return Found("/dev/kvm", "it makes a VM")
    return Open(f"the device of KVM, or none where VMs run without: {seen.kvm_fault}, and {_none_runs(seen)}")


def ids(seen: HostSeen, rows: Rows) -> list[Found]:
    """Ids of VMs: as rows say, and then as the VMMs' own command lines and sockets."""
    told = [Found(vm_id, "database, vms.vm_id") for row in rows.vms if (vm_id := row.get("vm_id"))]
    running = [(vm_id, one) for one in seen.theirs if (vm_id := id_of(one))]
    count = Counter(vm_id for vm_id, _ in running)  # what several have is no id
    return [*told, *(Found(vm_id, _said(one)) for vm_id, one in running if count[vm_id] == 1)]


def state(seen: HostSeen, rows: Rows) -> Answers:
    """Folders of VMs and of their sockets, and what a VM is called."""
    known = ids(seen, rows)
    names = [str(one.value) for one in known]
    jails = _jails(seen)
    return {
        "vms_dir": _folder(seen, rows, names, _look_for_folder(seen, jails)),
        "jails_dir": jails,
        "sockets_dir": _sockets(seen, rows, names, f"the API sockets' folder; {_none_runs(seen)}"),
        "vm_id_pattern": _pattern(seen, known),
        **_tap_names(seen, rows, names),
    }


def _folder(seen: HostSeen, rows: Rows, names: Sequence[str], look: str) -> Answer:
    found = list(_disk_folders(seen, names))
    return the_one(found, look) if found else no_folder(seen, rows, look)


def _sockets(seen: HostSeen, rows: Rows, names: Sequence[str], look: str) -> Answer:
    found = list(_socket_folders(seen, rows, names))
    return the_one(found, look) if found else no_sockets(seen, rows, look)


def _jails(seen: HostSeen) -> Answer:
    """The jailer makes `<base>/<program>/<id>/root`."""
    running = seen.theirs
    look = 'the jailer\'s --chroot-base-dir; "none" where no jailer is used'
    if not running:
        return Open(f"{look}; {_none_runs(seen)}")
    told = [
        Found(base, f"{one.told} has {one.opened.root} for its root")
        if (base := one.jails_dir)
        else Found("none", f"{one.told} is in no jail")
        for one in running
        if one.opened.root == "/" or one.jails_dir
    ]
    return the_one(told, look)


def _look_for_folder(seen: HostSeen, jails: Answer) -> str:
    look = "the folder with one entry per VM"
    if isinstance(jails, Found) and jails.value != "none":
        look += f"; the disks of VMs that run lie in jails below {jails.value}, which jails_dir stands for"
    elif not seen.theirs:
        look += f"; {_none_runs(seen)}"
    return look + (f"; there are {several(list(seen.told.folders))}" if seen.told.folders else "")


def id_of(one: Vmm) -> str:
    """What its VM is called, as far as its command line says; nothing where it does not."""
    named = named_by(one.api_socket) if one.api_socket else ()
    return one.word("--id") or next((name for name in named if shape_of(name)), "")


def _said(one: Vmm) -> str:
    return f"ps, {one.told} {'--id' if one.word('--id') else f'--api-sock {one.api_socket}'}"


def _pattern(seen: HostSeen, known: Sequence[Found]) -> Answer:
    """Rows say what an id is; what a socket is called may be something else."""
    look = "a pattern of the ids of VMs"
    if not known:
        return Open(f"{look}; {_none_runs(seen)}, or give the database's connection string")
    names = [str(one.value) for one in known if one.seen.partition(",")[0] == known[0].seen.partition(",")[0]]
    pattern = pattern_of(names)
    if pattern is None:
        return Open(f"{look}; those seen have none in common: {', '.join(sorted(set(names))[:3])}")
    return Found(pattern, f"{known[0].seen}: {names[0]}")


def _disk_folders(seen: HostSeen, names: Sequence[str]) -> Iterator[Found]:
    """Those of VMs in no jail: what lies in one goes with it, be it a link to what is kept elsewhere."""
    for one in seen.theirs:
        for path in one.opened.files if not one.jails_dir else ():
            at = id_in(path, names) if path.endswith(DISKS) else None
            if at:
                yield Found(at[0], f"{one.told} has {path} open")


def _socket_folders(seen: HostSeen, rows: Rows, names: Sequence[str]) -> Iterator[Found]:
    """Of processes that run; where these tell none, as rows say.

    A socket is called by its VM's id, or lies in a folder that is: deeper ones, as in a jail, are not found
    by whoever looks into the folder.
    """
    running = [(path, f"ps, {one.told} --api-sock {path}") for one in seen.theirs if (path := one.api_socket)]
    said = [
        (path, f"database, vms.socket_path {path}") for row in rows.vms if (path := row.get("socket_path"))
    ]
    for told in (running, said):
        found = [
            Found(at[0], seen_as)
            for path, seen_as in told
            if (at := id_in(path, names))
            and len(PurePosixPath(path).relative_to(at[0]).parts) <= _DEEPEST_SOCKET
        ]
        if found:
            yield from found
            return


def _tap_names(seen: HostSeen, rows: Rows, names: Sequence[str]) -> Answers:
    """What a TAP's name begins with, and how much of its VM's id follows."""
    pairs = [(tap, vm) for row in rows.vms if (tap := row.get("tap_device")) and (vm := row.get("vm_id"))]
    where = "database, vms.tap_device"
    devices = [one.name for one in seen.taps if not one.netns_name.startswith("acc-")]
    if not pairs:
        pairs = [(tap, vm) for tap in devices for vm in names if _shared(tap, vm)]
        where = "ip link, beside the ids of VMs"
    split = {_split(tap, vm) for tap, vm in pairs}
    if len(split) == 1 and all(prefix and count for prefix, count in split):
        ((prefix, count),) = split
        seen_as = f"{where}: {pairs[0][0]} of {pairs[0][1]}"
        return {"tap_prefix": Found(prefix, seen_as), "tap_id_characters": Found(count, seen_as)}
    if alike := _one_name(seen, rows):
        none = "the TAPs of all VMs are called so, each in a network namespace of its own"
        return {"tap_prefix": alike, "tap_id_characters": Found("none", none)}
    there = f": there are {', '.join(sorted(set(devices))[:4])}" if devices else ""
    return {
        "tap_prefix": Open(f"what every TAP of a VM begins with{there}"),
        "tap_id_characters": Open(
            "how many characters of the VM's id follow tap_prefix; none where each VM has a network namespace"
            " of its own, and the TAPs in them are all called tap_prefix"
        ),
    }


def _one_name(seen: HostSeen, rows: Rows) -> Found | None:
    """What the TAPs of VMs are called that run in network namespaces of their own, where that is one name.

    One VM tells nothing: the next one's may be called otherwise.
    """
    spaces = [one.process.netns for one in seen.theirs]
    if len(spaces) < _FEWEST_ALIKE or len(set(spaces)) < len(spaces) or seen.host_netns in spaces:
        return None
    inside = [[tap.name for tap in seen.taps if tap.netns == netns] for netns in spaces]
    running = list(filter(None, map(id_of, seen.theirs)))  # what was before may have been otherwise
    theirs = (row for row in rows.vms if any(one in (row.get("vm_id") or "") for one in running))
    told = {tap for row in theirs if (tap := row.get("tap_device"))}
    names = {name for each in inside for name in each} | told
    if len(names) != 1 or not all(inside):
        return None
    (name,) = names
    return Found(name, f"ip link, in the network namespaces of {len(spaces)} VMs")


_FEWEST_SHARED = 3
_FEWEST_ALIKE = 2


def _shared(tap: str, vm: str) -> int:
    """How many of the first characters of an id a device's name ends with; few of them say nothing."""
    most = next((count for count in range(len(tap) - 1, 0, -1) if tap.endswith(vm[:count])), 0)
    return most if most >= _FEWEST_SHARED else 0


def _split(tap: str, vm: str) -> tuple[str, int]:
    count = _shared(tap, vm)
    return tap[: len(tap) - count], count
