"""What experiments' clones are made to have: the files that a launch writes into the VMs of users."""

from __future__ import annotations

import copy
import hashlib
import io
import posixpath
import shlex
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from harness.answers import reading
from harness.errors import CommandError, HarnessError, UnreadableError, WaitTimeoutError
from harness.guest.difference import Difference
from harness.guest.facts import Facts, is_settings, sampled
from harness.host.hypervisor import Hypervisor
from harness.run import Result
from harness.site.profile import Site
from harness.text import encoded, ending
from harness.vm.machine import Vm

_READ_S = 120.0
_WRITE_S = 120.0
_APPLY_S = 60.0
_OWNERS = "xargs -0r stat -c '%u:%g %n' -- 2>/dev/null | grep -v '^0:0 ' || :"
_AGAIN = "systemctl daemon-reload && systemctl restart %s"
_GZIP = b"\x1f\x8b"
_PROGRAM = frozenset(
    {".js", ".cjs", ".mjs", ".ts", ".cts", ".mts", ".node", ".wasm", ".sh", ".service", ".conf"}
)
SET = "set launch.overlay of the profile: what the controller writes into a VM before it starts"


@dataclass(frozen=True)
class Overlay:
    """Files to be written into a clone, and removed from it; empty where it stays as it is."""

    why: str
    """Where it is from, or why there is none."""
    archive: bytes = b""
    digests: Mapping[str, str] = field(default_factory=dict)
    """What lies where once it was written: path -> sha256, or what a link leads to."""
    removed: tuple[str, ...] = ()
    keeps_owners: bool = False
    """Whether what lies there already stays its owner's, as where a file is copied over another."""

    def __bool__(self) -> bool:
        return bool(self.digests or self.removed)

    def __str__(self) -> str:
        if not self:
            return f"on clones of the golden snapshot as it is: {self.why}"
        count = len(self.digests) + len(self.removed)
        return f"on clones of the golden snapshot with {count} file{'s' * (count != 1)} {self.why}"


def observed(golden: Facts, session: Facts, found: Difference, site: Site) -> Overlay:
    """The files of the agent and its unit that a session's VM has otherwise than the golden snapshot.

    None where no more differs than what an agent writes as it runs, logs for one: to have that, a clone's
    agent would be started again, and nothing that it took along from the snapshot would be tried.
    """
    if not found.files and not found.modules:
        return Overlay("the session's VM has the same agent and unit")
    if not found.modules and not any(_is_program(path, site) or is_settings(path) for path in found.files):
        return Overlay(
            "the session's VM has the same agent and unit, but for what an agent writes as it runs"
        )
    if session.carried is None:
        return Overlay("what a launch writes is more than can be taken along")
    carried = {path: session.carried[path] for path in found.files if path in session.carried}
    removed = tuple(path for path in found.files if path in golden.files and path not in session.files)
    if not carried and not removed:
        return Overlay("nothing of what a launch writes can be taken along")
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for path, one in carried.items():
            archive.addfile(_called(one.member, path), io.BytesIO(one.content))
    digests = {path: session.files[path] for path in carried}
    return Overlay("as the session's VM has them", stream.getvalue(), digests, removed)


def given(hypervisor: Hypervisor) -> Overlay:
    """The files that the profile says the controller writes, as they are on the host.

    :raises HarnessError: they cannot be read, or are too many.
    """
    files = hypervisor.site.launch.overlay or {}
    if not files:
        return Overlay("the profile says that a launch writes no file (launch.overlay)")
    try:
        raw = hypervisor.output(
            ["tar", "--hard-dereference", "-chzPf", "-", "--", *files.values()], timeout_s=_READ_S
        )
    except CommandError as error:
        raise CommandError(
            f"launch.overlay: the files cannot be read on the host: {error.message}",
            hint="each value is a file or folder on the host, of at most 64 MiB in all when packed",
        ) from error
    return _packed_again(raw, files, node=hypervisor.site.agent.node)


def _packed_again(raw: bytes, files: Mapping[str, str], *, node: str) -> Overlay:
    """An archive of the host's files as one of the guest's.

    :raises UnreadableError: it is none.
    """
    stream, digests = io.BytesIO(), {}
    try:
        with (
            reading("launch.overlay: the archive of the host's files"),
            tarfile.open(fileobj=io.BytesIO(raw)) as host,
            tarfile.open(fileobj=stream, mode="w:gz", compresslevel=1) as guest,
        ):
            for member in (one for one in host if one.isreg()):
                content = host.extractfile(member)
                data = content.read() if content else b""
                for path in _places(f"/{member.name.lstrip('/')}", files):
                    guest.addfile(_called(member, path, uid=0, gid=0), io.BytesIO(data))
                    digests[path] = sampled(data) if path == node else hashlib.sha256(data).hexdigest()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise UnreadableError(f"launch.overlay: the host's files cannot be unpacked: {error}") from error
    for path, host_path in files.items():
        if not any(one == path or one.startswith(f"{path}/") for one in digests):
            raise UnreadableError(
                f"launch.overlay: {host_path}, for {path}, holds no file",
                hint="leave it out of the profile, or name the folder on the host that the controller writes",
            )
    return Overlay("as launch.overlay of the profile has them", stream.getvalue(), digests, keeps_owners=True)


def write(vm: Vm, overlay: Overlay) -> None:
    """Have a clone's agent and unit as users' VMs have them, and its agent run again, healthy.

    :raises HarnessError: that could not be done.
    """
    if not overlay:
        return
    site = vm.hypervisor.site
    unit = shlex.quote(site.agent.unit)
    removed = "".join(f"rm -f -- {shlex.quote(path)}\n" for path in overlay.removed)
    try:
        owned = _owned(vm, overlay) if overlay.keeps_owners else ""
        script = f"{removed}{owned}systemctl reset-failed {unit} 2>/dev/null || :\n{_AGAIN % (unit,)}"
        if overlay.archive:
            words = ["tar", "-xPf", "-", *(["-z"] if overlay.archive.startswith(_GZIP) else [])]
            _done(vm.program(words, overlay.archive, timeout_s=_WRITE_S))
        _done(vm.script(script, timeout_s=_APPLY_S))
        vm.wait_healthy(site.guest.recovery_s)
    except (CommandError, WaitTimeoutError) as error:
        raise HarnessError(
            f"{vm.name}: with the files {overlay.why}, its agent does not come up: {error.message}", hint=SET
        ) from error


def _owned(vm: Vm, overlay: Overlay) -> str:
    """Shell that gives what is written anew back to whoever has it now, where that is not root."""
    paths = "\0".join(overlay.digests)
    told = vm.program(["sh", "-c", _OWNERS], encoded(paths), timeout_s=_APPLY_S).stdout
    theirs: dict[str, list[str]] = {}
    for owner, _, path in (line.partition(" ") for line in told.split("\n")):
        if path in overlay.digests:
            theirs.setdefault(owner, []).append(path)
    return "".join(f"chown -h -- {owner} {shlex.join(those)}\n" for owner, those in theirs.items())


def left_over(golden: Facts, session: Facts, overlay: Overlay, site: Site) -> list[str]:
    """In which files the agent of a session's VM is not the one that experiments are made on."""
    kept = {path: told for path, told in golden.files.items() if path not in overlay.removed}
    has = {**kept, **overlay.digests}
    modules = any(_is_module(path, site) for path in overlay.digests)
    told = {path for path in {*has, *session.files} if _is_told(path, site) or path in session.files}
    paths = {path for path in told if _is_program(path, site)}
    found = sorted(path for path in paths if _is_another(has.get(path), session.files.get(path)))
    return [*found, *(["its node_modules"] if golden.modules != session.modules and not modules else [])]


def _is_another(one: str | None, other: str | None) -> bool:
    """Of large files only the size is told, which is no digest."""
    sized = [told for told in (one, other) if told and told.startswith("size:")]
    return one != other and not (one and other and len(sized) == 1)


def _is_told(path: str, site: Site) -> bool:
    """Whether a guest that has such a file tells of it."""
    own = path in (site.agent.entry, site.agent.node, site.agent.unit_file)
    return own or (_is_in(path, site) and not _is_module(path, site))


def _is_module(path: str, site: Site) -> bool:
    return _is_in(path, site) and "/node_modules/" in path.removeprefix(site.agent.directory)


def _is_in(path: str, site: Site) -> bool:
    return path.startswith(f"{site.agent.directory}/")


def _is_program(path: str, site: Site) -> bool:
    """Whether a file is of the agent's program, and not what it or a launch keeps beside it."""
    agent, name = site.agent, posixpath.basename(path)
    if path in (agent.entry, agent.node, agent.unit_file) or name in ("package.json", "package-lock.json"):
        return True
    return posixpath.splitext(name)[1] in _PROGRAM


def _places(host_path: str, files: Mapping[str, str]) -> Iterator[str]:
    """Where a file of the host belongs in a guest."""
    for guest, host in files.items():
        if host_path == host:
            yield guest
        elif host_path.startswith(f"{host}/"):
            yield guest + host_path.removeprefix(host)


def _called(member: tarfile.TarInfo, path: str, **changed: int) -> tarfile.TarInfo:
    named = copy.copy(member)
    named.name, named.pax_headers = path, {}
    for name, value in changed.items():
        setattr(named, name, value)
    return named


def _done(result: Result) -> None:
    if result.status != 0:
        raise CommandError(ending((result.stderr or result.stdout).strip(), 500))
