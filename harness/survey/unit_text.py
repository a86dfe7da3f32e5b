"""A unit as its file says it: the directives of a golden disk's units, which nobody has loaded."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from harness.survey.seen import GuestDisk

UNITS = ("/etc/systemd/system", "/usr/local/lib/systemd/system")
PACKAGED = "/lib/systemd/system"
"""Units of packages, whether that leads to /usr or not; of these only the enabled ones are read."""
SCRIPTS = (".js", ".cjs", ".mjs")
_SPANS = {
    **dict.fromkeys(("", "s", "sec", "second", "seconds"), 1.0),
    **dict.fromkeys(("ms", "msec"), 1e-3),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 3600.0),
}
_SPAN = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([a-z]*)\s*")
_SIZES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


@dataclass(frozen=True)
class UnitText:
    """A unit: its file, and every value of each directive, those of its drop-ins last."""

    path: str
    directives: Mapping[str, list[str]]
    enabled: bool = False

    @property
    def name(self) -> str:
        """As systemctl calls it."""
        return PurePosixPath(self.path).name

    def last(self, key: str) -> str | None:
        """The value in force of a directive that has one; None where it is not set."""
        values = self.directives.get(key) or [""]
        return values[-1] or None

    @property
    def command(self) -> list[str]:
        """The words of ExecStart, without the marks before its program."""
        try:
            words = shlex.split(self.last("ExecStart") or "")
        except ValueError:  # a quote that does not end
            return []
        return [words[0].lstrip("@-:+!"), *words[1:]] if words else []

    @property
    def program(self) -> str:
        """The name of its program."""
        return PurePosixPath(self.command[0]).name if self.command else ""

    @property
    def directory(self) -> str:
        """Its working directory, also one that may be missing; nothing where it is a home, or none."""
        told = (self.last("WorkingDirectory") or "").removeprefix("-")
        return told if told.startswith("/") else ""

    @property
    def script(self) -> str:
        """The JavaScript file that it starts by node; empty where it starts none."""
        if self.program not in ("node", "nodejs"):
            return ""
        found = next((word for word in self.command[1:] if word.endswith(SCRIPTS)), "")
        return str(PurePosixPath(self.directory or "/", found)) if found else ""

    @property
    def script_folder(self) -> str:
        """Where that lies."""
        return str(PurePosixPath(self.script).parent) if self.script else ""

    def environment(self, name: str) -> str | None:
        """A variable that it sets; of the others nothing is told."""
        told = None
        for line in self.directives.get("Environment", ()):
            try:
                words = shlex.split(line)
            except ValueError:
                continue
            for word in words:
                if word.startswith(f"{name}="):
                    told = word.partition("=")[2]
        return told


def units_of(disk: GuestDisk) -> list[UnitText]:
    """Every service on the disk that was read."""
    services = [path for path in sorted(disk.files) if path.endswith(".service")]
    return [
        _unit(disk, path) for path in services if PurePosixPath(path).parent.as_posix() in (*UNITS, PACKAGED)
    ]


def seconds_in(text: str) -> float | None:
    """A span of time as systemd reads it, which may be a sum; None where it is none of ordinary length."""
    parts = _SPAN.findall(text.strip())
    if "".join(_SPAN.split(text.strip())[::3]) or not parts or any(unit not in _SPANS for _, unit in parts):
        return None
    return sum(float(number) * _SPANS[unit] for number, unit in parts)


def bytes_in(text: str) -> int | None:
    """A size as systemd reads it; None where it is a share or no bound at all."""
    match = re.fullmatch(r"\s*([0-9]+)\s*([KMGT]?)\s*", text)
    return int(match[1]) * _SIZES[match[2]] if match else None


def _unit(disk: GuestDisk, path: str) -> UnitText:
    name = PurePosixPath(path).name
    drop_ins = [one for one in sorted(disk.files) if f"/{name}.d/" in one and one.endswith(".conf")]
    directives: dict[str, list[str]] = {}
    for file in (path, *drop_ins):
        for key, value in _lines(disk.files[file]):
            if value:
                directives.setdefault(key, []).append(value)
            else:
                directives.pop(key, None)  # what was said before counts no more
    return UnitText(path, directives, name in disk.enabled)


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Directives, those on several lines in one; a comment among these is left out."""
    kept = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith(("#", ";")))
    for line in kept.replace("\\\n", " ").splitlines():
        key, equals, value = line.partition("=")
        if equals and re.fullmatch(r"\s*[A-Za-z]+\s*", key):
            yield key.strip(), value.strip()
