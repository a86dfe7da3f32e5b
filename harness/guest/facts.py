"""What a guest has that a launch may change: its agent's files and unit, its packages, its kernel.

Files are told by their digests, and small ones in whole: a launch that writes them is so known to the letter.
"""

from __future__ import annotations

import base64
import hashlib
import io
import posixpath
import re
import shlex
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from harness.answers import reading
from harness.errors import UnreadableError
from harness.guest.unit_file import parse_commands
from harness.infra.environment import remember_secrets, without_environment
from harness.infra.host import Host
from harness.infra.units import Unit, unreadable
from harness.site.profile import Site
from harness.text import beginning, decoded

MOST_CARRIED = 8 << 20
"""Bytes of an agent's files, its unit's among them, that are taken along in whole."""
_MOST_HASHED_KIB = 16 << 10
"""Of a larger file in the agent's folder only its size is told, but for its entry."""
_SAMPLE = 1 << 20
"""node has a hundred megabytes: it is told by its size, and the digest of its beginning and its end."""

CMDLINE = "cat -- /proc/cmdline"
KERNEL = "uname -r"
PACKAGES = (
    "command -v dpkg-query >/dev/null || exit 0; "
    r"""dpkg-query -W -f '${binary:Package} ${Version}\n'"""
)
_LIST = "$work/facts.files"
_FILES = r"""
set -f; work=$PWD
shown=$(systemctl show -p FragmentPath -p DropInPaths -p EnvironmentFiles {unit}) || exit 3
more=$(printf '%s\n' "$shown" | sed -n 's/ (ignore_errors=[a-z]*)$//; s/^[A-Za-z]*=//p') || exit 3
: >facts.files; : >facts.links; : >facts.modules
! cd {directory} 2>/dev/null || find . \
    -path '*/node_modules/.cache' -prune -o \
    -path '*/node_modules/*' \( -type f -fprintf "$work/facts.modules" '%s %P\n' -o -true \) \
    -o -type f -size -{hashed}k -fprint0 "$work/facts.files" \
    -o -type l -printf 'link:%l  %p\0' -fprint0 "$work/facts.links" \
    -o -type f -printf 'size:%s  %p\0' || exit 3
set +f
for file in {entry} $more; do [ -f "$file" ] && printf '%s\0' "$file"; done >>"$work/facts.files"
sort -zu "$work/facts.files" | xargs -0r sha256sum -z -- || [ $? = 123 ] || exit 3
[ ! -f {node} ] || {{
    printf 'sample:'
    {{ find -L {node} -printf '%s\n' && head -c {sample} {node} && tail -c {sample} {node}; }} |
        sha256sum -z | tr -d '\0 -' || exit 3
    printf '  %s\0' {node}
}}
printf 'modules:'; LC_ALL=C sort "$work/facts.modules" | sha256sum -z | tr -d ' -' || exit 3
tar --null -T "$work/facts.files" -T "$work/facts.links" -P -cf - | head -c {most} | base64 -w 0
"""
"""Records that end with NUL, and the files in an archive. xargs's status 123: a file went meanwhile. What
node_modules hold is told by their names and sizes, but for what tools keep in ``.cache``, as they like.
EnvironmentFile= may hold a pattern, which the shell takes for one as systemd does."""
_RECORD = re.compile(r"([0-9a-f]{64}|sample:[0-9a-f]{64}|(?:link|size):[^\0]*?)  ([^\0]+)", re.DOTALL)
_MODULES = re.compile(r"modules:([0-9a-f]{64})")
_STATE = re.compile(
    r"Timestamp|PID$|^ExecMain|^(Memory|Tasks|Swap)(Current|Peak|Available)|^(CPUUsage|IO|IPIngress|IPEgress)"
    r"|^(NRestarts|InvocationID|ControlGroupId|ActiveState|SubState|StateChange|Result|Status\w+|UID|GID|Job)$"
    r"|^N?FileDescriptorStore$|^(Condition|Assert)Result$|^Effective|^(MemorySwap|MemoryZSwap)\w*$"
)
"""Properties that say what a unit does now, and not how it is set."""
_UNITS = re.compile(
    r"(?:\S+\.(?:service|socket|device|mount|automount|swap|target|path|timer|slice|scope)(?: |$))+"
)
"""Units that a unit depends on: a set, which systemd shows in another order at every boot."""
_NO_LINE = re.compile("[\0-\x1f\x7f\udc80-\udcff]")
_SETTINGS_FILE = re.compile(r"(^|[._-])env(\.|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Carried:
    """A file as it lies in a guest."""

    member: tarfile.TarInfo = field(compare=False)
    content: bytes

    @property
    def access(self) -> str:
        """Its mode and its owner's and group's number; of a link they say nothing."""
        one = self.member
        return "" if one.issym() else f"{one.mode & 0o7777:04o} {one.uid}:{one.gid}"

    @property
    def text(self) -> str | None:
        """Its text; None where it is none, or a link."""
        if not self.member.isreg() or b"\0" in self.content:
            return None
        try:
            return self.content.decode()
        except UnicodeDecodeError:
            return None


@dataclass(frozen=True)
class Facts:
    """What a guest had when it was looked at."""

    files: Mapping[str, str]
    """The agent's files, node, and what its unit is made of: path -> digest, or what else tells them."""
    modules: str
    """Of all that lies in its node_modules: names and sizes, as a digest."""
    carried: Mapping[str, Carried] | None
    """The same files in whole, but for node; None: they are more than :data:`MOST_CARRIED`."""
    settings: Mapping[str, str]
    """How its unit is set, as systemd shows it; environment that the profile does not name is masked."""
    packages: Mapping[str, str]
    kernel: str
    cmdline: str
    desktop: Mapping[str, str]
    """Units of the desktop -> their state."""


def questions(site: Site) -> list[str]:
    """What is asked of a guest for its facts."""
    desktop = [_desktop(site)] if site.guest.desktop_units else []
    return [_files(site), PACKAGES, KERNEL, CMDLINE, *desktop]


def carries_files(command: str) -> bool:
    """Whether a command's answer holds files of the agent in whole, and with them its secrets."""
    return _LIST in command


def facts_of(guest: Host, site: Site) -> Facts:
    """The facts of a guest that was looked at.

    :raises TransportError: it did not tell one of them.
    """
    files, modules, archive = _told(guest.check_output(_files(site)), guest.name, site)
    carried = _unpacked(archive, guest.name, site)
    unit = guest.unit(site.agent.unit)
    if missing := {*(carried or {}), *unit.get("FragmentPath").split()} - files.keys():
        raise _odd(guest.name, f"without {min(missing)}")
    if carried is not None:
        _remember_secrets(carried, unit, site)
    units = site.guest.desktop_units
    states = guest.run(_desktop(site)).stdout.split() if units else []
    return Facts(
        files=files,
        modules=modules,
        carried=carried,
        settings=settings_of(unit.properties),
        packages=dict(_pairs(guest.check_output(PACKAGES))),
        kernel=_line(guest, KERNEL),
        cmdline=_line(guest, CMDLINE),
        desktop=dict(zip(units, states, strict=False)),
    )


def agent_digest(facts: Facts) -> str:
    """One digest of all that an agent and its unit are made of, but for what node_modules hold, which is in
    it by names and sizes."""
    total = hashlib.sha256()
    for path, told in sorted({**facts.files, "node_modules": facts.modules}.items()):
        total.update(f"{path}\0{told}\0".encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def _line(guest: Host, command: str) -> str:
    """One line that a kernel tells."""
    told = guest.check_output(command).strip()
    if not told or _NO_LINE.search(told):
        raise unreadable(guest.name, command, told)
    return told


def settings_of(properties: Mapping[str, str]) -> dict[str, str]:
    """How a unit is set, without what it does now; of a command its words alone, other units by name."""
    return {key: _setting(key, value) for key, value in properties.items() if not _STATE.search(key)}


def _setting(key: str, value: str) -> str:
    if key.startswith("Exec"):
        return "; ".join(parse_commands(value))
    return " ".join(sorted(value.split())) if _UNITS.fullmatch(value) else value


def sampled(content: bytes) -> str:
    """How node is told that has this content."""
    told = b"%d\n" % len(content) + content[:_SAMPLE] + content[-_SAMPLE:]
    return f"sample:{hashlib.sha256(told).hexdigest()}"


def _files(site: Site) -> str:
    agent = site.agent
    words = {key: shlex.quote(getattr(agent, key)) for key in ("unit", "directory", "entry", "node")}
    return _FILES.format(**words, hashed=_MOST_HASHED_KIB + 1, most=MOST_CARRIED + 1, sample=_SAMPLE)


def _desktop(site: Site) -> str:
    return f"systemctl is-active {shlex.join(site.guest.desktop_units)}"


def _told(text: str, where: str, site: Site) -> tuple[dict[str, str], str, str]:
    """Digests by path, the digest of the modules, and the archive as it came."""
    *records, archive = text.split("\0")
    files, modules = {}, ""
    for record in records:
        if match := _RECORD.fullmatch(record):
            path = posixpath.normpath(posixpath.join(site.agent.directory, match[2]))
            if ":" not in match[1] or match[1].startswith("sample:") or path not in files:
                files[path] = match[1]  # of a large one that is the entry, its digest
        elif match := _MODULES.fullmatch(record):
            modules = match[1]
        else:
            raise _odd(where, record)
    if not modules:
        raise _odd(where, text)
    return files, modules, archive


def _unpacked(text: str, where: str, site: Site) -> dict[str, Carried] | None:
    try:
        with reading(f"in {where}: the archive of the agent's files"):
            raw = base64.b64decode(text, validate=True)
        if len(raw) > MOST_CARRIED:
            return None
        with tarfile.open(fileobj=io.BytesIO(raw), mode="r:") as archive:
            members = [one for one in archive if one.isreg() or one.islnk() or one.issym()]
            return {
                posixpath.normpath(posixpath.join(site.agent.directory, one.name)): _carried(archive, one)
                for one in members
            }
    except (UnreadableError, tarfile.TarError, OSError) as error:
        raise UnreadableError(
            f"in {where}: the agent's files cannot be unpacked: {error}", hint="are tar and base64 there?"
        ) from error


def _carried(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Carried:
    stream = None if member.issym() else archive.extractfile(member)
    content = stream.read() if stream else b""
    if member.islnk():  # the same file by another name: in an archive of a few it stands for itself
        member.type, member.linkname, member.size = tarfile.REGTYPE, "", len(content)
    return Carried(member, content)


def _remember_secrets(carried: Mapping[str, Carried], unit: Unit, site: Site) -> None:
    """What the unit's files and files of settings keep secret is cut out of whatever is shown."""
    settings = {line.partition(" (ignore_errors")[0] for line in unit.lines("EnvironmentFiles")}
    clean = without_environment(site)
    for path, one in carried.items():
        text = decoded(one.content)
        if is_settings(path) or any(fnmatchcase(path, one) for one in settings):
            for line in text.splitlines():
                remember_secrets(line, site)
        elif path == site.agent.unit_file or path.endswith((".service", ".conf")):
            clean(text)


def is_settings(path: str) -> bool:
    """Whether a file is called as files of environment variables are."""
    return bool(_SETTINGS_FILE.search(posixpath.basename(path)))


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        name, _, version = line.partition(" ")
        yield name, version


def _odd(where: str, text: str) -> UnreadableError:
    return UnreadableError(
        f"in {where}: the agent's files were not told as asked: {beginning(text, 200)!r}",
        hint="are find, sed, sort, xargs and sha256sum there, as GNU has them?",
    )
