"""The golden snapshot: which files VMs are made from, of all that look like it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from harness.survey.answer import Answer, Answers, Found, Open, several, the_one
from harness.survey.ids import id_in, named_in
from harness.survey.seen import File, HostSeen, Vmm
from harness.survey.shy import may_be_secret, names_secret
from harness.survey.vmms import id_of

_MIB = 1 << 20
_SETTINGS = ("boot_args", "vcpus", "memory_mib", "drive_id", "iface_id")
_ANY_DRIVE = ("rootfs", "root", "disk", "drive")
_PER_VM = re.compile(r"\s*\b(ip|root)=\S+|\s*\bvirtio_mmio\.device=\S+")
_LOOKS = {
    "vmstate": "the file for PUT /snapshot/load's snapshot_path",
    "memory": "the file for its mem_backend",
    "kernel": "the kernel for a cold boot (vmlinux)",
    "initrd": "its initial RAM disk, where it needs one",
    "manifest": "manifest.json of the build",
    "inputs": "files on the host that the snapshot is built from, as the agent's server.js",
    "boot_args": "the kernel's command line for a cold boot",
    "guest_address": "the guest's own address inside the snapshot, with its prefix length",
    "vcpus": "processors of a VM",
    "memory_mib": "memory of a VM",
}


def snapshot(seen: HostSeen) -> Answers:
    """The files, and how a VM is made of them."""
    disk = _disk(seen)
    if not isinstance(disk, Found):
        return {"disk": disk, **{name: Open(look) for name, look in _LOOKS.items()}}
    beside = _beside(seen, str(disk.value))
    files: dict[str, Answer] = {"disk": disk, **_restored(seen, beside, disk)}
    for role in ("kernel", "initrd"):
        told = list(_configured(seen, role)) or [
            Found(one.path, f"beside the disk: {one.path}") for one in beside if one.kind == role
        ]
        files[role] = the_one(told, _LOOKS[role])
    if files["initrd"] == Open(_LOOKS["initrd"]):  # there is none, and most kernels need none
        files["initrd"] = Found("none", f"none lies beside {disk.value}, and no VMM was given one")
    if isinstance(files["kernel"], Open) and not any(one.kind == "kernel" for one in beside):
        files["kernel"] = Open(
            f"{_LOOKS['kernel']}; none lies beside {disk.value}; without one nothing is booted"
        )
    answers = {**files, **_settings(seen, beside, files["memory"])}
    return {field: _by_its_link(seen, one) for field, one in answers.items()}


def _by_its_link(seen: HostSeen, one: Answer) -> Answer:
    """A file by the only link to it, which leads to another once that is golden."""
    links = seen.told.links_to(one.value) if isinstance(one, Found) and isinstance(one.value, str) else []
    return (
        Found(links[0], f"it leads to {one.value}; {one.seen}")
        if len(links) == 1 and isinstance(one, Found)
        else one
    )


def _linked(seen: HostSeen) -> Callable[[File], str]:
    """Of several that are kept, one is in use."""

    def reason(disk: File) -> str:
        return f"{links[0]} leads to it" if (links := seen.told.links_to(disk.path)) else ""

    return reason


def _disk(seen: HostSeen) -> Answer:
    """A disk that no VM has for its own, and that a restore, a name or the controller's sources point to."""
    look = "the golden disk, that the disks of VMs are copies of"
    disks = [one for one in seen.told.files if one.kind == "ext4" and not _is_a_vms(one.path, seen)]
    for reason in (
        _mapped(seen),
        _triple(seen),
        _mentioned(seen, whole=True),
        _linked(seen),
        _mentioned(seen, whole=False),
        _called_golden(seen),
    ):
        chosen = [Found(one.path, why) for one in disks if (why := reason(one))]
        if len({one.value for one in chosen}) == 1:
            return chosen[0]
        if len(chosen) > 1:
            disks = [one for one in disks if reason(one)]
    if len(disks) == 1 and any(_in_one_folder(disks[0], one) for one in seen.told.files):
        return Found(disks[0].path, "the only ext4 disk beside a kernel or a snapshot")
    named = several([one.path for one in disks])
    return Open(f"{look}; ext4 disks seen: {named or 'none'}{_not_looked(seen)}")


def _not_looked(seen: HostSeen) -> str:
    """Where nobody looked for files: what was not found may lie there."""
    cut = (
        f"; too much is in {several(list(seen.told.cut))} to look through all of it" if seen.told.cut else ""
    )
    return cut + seen.told.lacks("files")


def _is_a_vms(path: str, seen: HostSeen) -> bool:
    """Whether it is called after a VM, or lies in a folder that is; or one VM of several has it open alone.

    What the only one has open, and what several have, may be golden itself, with what each writes elsewhere.
    """
    theirs = _told(seen)
    opened = [path in one.opened.files for one in theirs]
    called = any(id_in(path, [vm]) for one in theirs if (vm := id_of(one)))
    return (
        called
        or (len(theirs) > 1 and sum(opened) == 1)
        or re.search(r"/acc-[0-9a-f]{6}(/|-)|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-", path) is not None
    )


def _mapped(seen: HostSeen) -> Callable[[File], str]:
    """A VM that was restored has the memory file of its snapshot mapped."""
    memories = {path: one for one in _told(seen) for path in one.opened.files if _is_memory(path, seen)}

    def reason(disk: File) -> str:
        for path, vmm in memories.items():
            if PurePosixPath(path).parent == PurePosixPath(disk.path).parent and disk.stem == _stem(path):
                return f"{vmm.told} has {path} mapped, which it belongs to"
        return ""

    return reason


def _triple(seen: HostSeen) -> Callable[[File], str]:
    """Device state and memory of the same name beside it: no more than a remainder where VMs are booted."""

    def reason(disk: File) -> str:
        kinds = {one.kind: one.path for one in seen.told.files if _same(one, disk)}
        both = {"vmstate", "memory"} <= kinds.keys()
        return (
            f"{kinds['vmstate']} and {kinds['memory']} are beside it"
            if both and not _all_booted(seen)
            else ""
        )

    return reason


def _mentioned(seen: HostSeen, *, whole: bool) -> Callable[[File], str]:
    """A service's sources name it: by its path as a whole, or by its name, suffix or not."""

    def reason(disk: File) -> str:
        names = _names_of(disk, seen)
        paths = (disk.path, *seen.told.links_to(disk.path))
        for one in (one for service in seen.told.services for one in service.mentions):
            if (
                any(path in one.text for path in paths)
                if whole
                else names & set(re.findall(r"[\w.-]+", one.text))
            ):
                return f"{one.where}: {one.text}"
        return ""

    return reason


def _names_of(disk: File, seen: HostSeen) -> set[str]:
    """What only this disk is called in sources: not what a drive is, or each VM's own copy."""
    name = PurePosixPath(disk.path).name
    copies = {PurePosixPath(path).name for one in _told(seen) for path in one.opened.files}
    names = set() if name in copies or disk.stem in _ANY_DRIVE else {name}
    return names | ({disk.stem} if re.search("[-_]", disk.stem) else set())


def _called_golden(seen: HostSeen) -> Callable[[File], str]:
    """By its name, where no VM could be made of any disk that is called otherwise."""
    fit = [
        one
        for one in seen.told.files
        if one.kind == "ext4"
        and not _is_a_vms(one.path, seen)
        and any(_in_one_folder(one, other) for other in seen.told.files)
    ]
    alone = all(_says_golden(one) for one in fit)

    def reason(disk: File) -> str:
        return "its name" if alone and disk in fit else ""

    return reason


def _says_golden(disk: File) -> bool:
    return "golden" in PurePosixPath(disk.path).name.lower()


def _in_one_folder(disk: File, one: File) -> bool:
    return one.folder == disk.folder and one.kind in ("kernel", "vmstate")


def _beside(seen: HostSeen, disk: str) -> Sequence[File]:
    return [one for one in seen.told.files if one.folder == str(PurePosixPath(disk).parent)]


def _restored(seen: HostSeen, beside: Sequence[File], disk: Found) -> Answers:
    """Device state and memory; none where nothing like them is there and VMs are booted."""
    stem = PurePosixPath(str(disk.value)).stem
    found: dict[str, Answer] = {}
    for role in ("vmstate", "memory"):
        those = [one for one in beside if one.kind == role]
        same = [one for one in those if one.stem == stem] or those
        found[role] = the_one((Found(one.path, f"beside {disk.value}") for one in same), _LOOKS[role])
    booted = _all_booted(seen)
    nothing = not seen.told.snapshots and not any(one.kind in found for one in seen.told.files)
    if booted and nothing and not _not_looked(seen):
        told = several([one.told for one in _told(seen)])
        why = f"no file like it was seen, and what runs was booted by --config-file: {told}"
        return dict.fromkeys(found, Found("none", why))
    if nothing or not any(one.kind in found for one in beside):
        there = f"; elsewhere: {several(list(seen.told.snapshots))}" if seen.told.snapshots else ""
        why = f'none lies beside the disk: "none" where every VM is booted{there}{_not_looked(seen)}'
        return {role: Open(f"{_LOOKS[role]}; {why}") for role in found}
    return found


def _all_booted(seen: HostSeen) -> bool:
    theirs = _told(seen)
    return bool(theirs) and all(one.opened.config for one in theirs)


def _configured(seen: HostSeen, field: str) -> Iterator[Found]:
    """What lies in a jail goes with it."""
    for one in _told(seen):
        if field in one.opened.config and (field not in _FILES or one.opened.root == "/"):
            yield Found(one.opened.config[field], f"--config-file of {one.told}")


def _told(seen: HostSeen) -> Sequence[Vmm]:
    return [one for one in seen.vmms if not one.is_ours]


def _settings(seen: HostSeen, beside: Sequence[File], memory: Answer) -> Answers:
    manifest = next((one.path for one in beside if one.kind == "manifest"), None)
    said: Mapping[str, str | int] = seen.told.manifests.get(manifest or "", {})
    found: dict[str, Answer] = {
        name: Found(value, str(manifest))
        for name, value in said.items()
        if name in _LOOKS or name in _SETTINGS
    }
    if manifest:
        found["manifest"] = Found(manifest, "beside the disk")
    for field in _SETTINGS:
        told = [Found(_every_vms(one.value), one.seen) for one in _configured(seen, field)]
        if any(_may_be_one_vms(one.value) for one in told):
            found[field] = Open(f"{_LOOKS[field]}; that of {told[0].seen} may hold what is one VM's alone")
        if told and field not in found and isinstance(one := the_one(told, _LOOKS.get(field, field)), Found):
            found[field] = one
    if isinstance(memory, Found) and memory.value != "none":
        size = next((one.size for one in beside if one.path == memory.value), 0)
        if size and size % _MIB == 0:
            found["memory_mib"] = Found(size // _MIB, f"the size of {memory.value}")
    return {**{name: Open(look) for name, look in _LOOKS.items() if name not in _FILES}, **found}


_FILES = ("vmstate", "memory", "kernel", "initrd", "manifest")


def _every_vms(value: object) -> object:
    """A command line without what is each VM's own."""
    return _PER_VM.sub("", value).strip() if isinstance(value, str) else value


def _may_be_one_vms(value: object) -> bool:
    """Whether a command line holds what may be drawn for one VM alone, or a secret."""
    if not isinstance(value, str):
        return False
    words = [word.rpartition("=") for word in value.split()]
    return any(names_secret(name) or may_be_secret(given) or named_in(given) for name, _, given in words)


def _is_memory(path: str, seen: HostSeen) -> bool:
    return any(one.path == path and one.kind == "memory" for one in seen.told.files)


def _same(one: File, disk: File) -> bool:
    return one.folder == disk.folder and one.stem == disk.stem


def _stem(path: str) -> str:
    return PurePosixPath(path).stem
