"""The Debians that the lab's host and guest can be: what of a release the lab must know."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from lab.paths import LabPaths

LAB = Path(__file__).parent


@dataclass(frozen=True)
class Debian:
    """One release."""

    suite: str
    python: str
    """The version of its Python."""
    postgresql: int
    """The version of its PostgreSQL."""
    unit: Path
    """The agent's unit, as this release's systemd has it said."""
    pinned: tuple[str, ...] = ()
    """Source packages that its host has from the other release."""

    @property
    def database_unit(self) -> str:
        """The unit of the host's PostgreSQL."""
        return f"postgresql@{self.postgresql}-main.service"


BOOKWORM = Debian("bookworm", "3.11", 15, LAB / "image/browser-vm-auth.service")
TRIXIE = Debian("trixie", "3.13", 17, LAB / "trixie/browser-vm-auth.service", pinned=("qemu",))
"""Its QEMU is the one of this machine, which takes the golden snapshot: a microvm of one is none of another,
and QEMU 10.0 never ends its ACPI with the kernel of the guest. It stands for hardware."""

OF_DEPLOYMENT = {"trixie": TRIXIE}
"""By the deployment's name; every other one is of the older release."""


def chosen(paths: LabPaths) -> Debian:
    """That of the deployment that the lab was last brought up as."""
    file = paths.deployment
    return OF_DEPLOYMENT.get(file.read_text().strip(), BOOKWORM) if file.exists() else BOOKWORM


def sources(folder: Path, suite: str) -> str:
    """This machine's apt sources for a release, in the one-line format; empty where it names none.

    A mirror that the machine is told to use must serve the guest's packages, too: where it is of the older
    release alone, the other one is asked for in the same place.
    """
    lines = list(_lines(folder, suite))
    if not lines and suite != BOOKWORM.suite:
        lines = [_of_suite(line, suite) for line in _lines(folder, BOOKWORM.suite)]
    return "".join(f"{line}\n" for line in lines)


def _lines(folder: Path, suite: str) -> list[str]:
    lines: list[str] = []
    for file in sorted((folder / "sources.list.d").glob("*.sources")):
        for stanza in re.split(r"\n\s*\n", file.read_text()):
            lines += _from_stanza(stanza, suite)
    for file in (folder / "sources.list", *sorted((folder / "sources.list.d").glob("*.list"))):
        text = file.read_text() if file.exists() else ""
        lines += [line for line in text.splitlines() if _is_for_suite(line, suite)]
    return lines


def _of_suite(line: str, suite: str) -> str:
    """A line of the older release for another one: its address and its key stay as they are."""
    name = re.escape(BOOKWORM.suite)
    return re.sub(rf"(?<=\s){name}(?=(?:-updates|-security)?\s)", suite, line)


def _from_stanza(stanza: str, suite: str) -> list[str]:
    """One deb822 stanza as one-line entries; a field goes on in lines that begin with a blank."""
    plain = "\n".join(line for line in stanza.splitlines() if not line.startswith("#"))
    fields = {
        key.lower(): " ".join(value.split())
        for key, value in re.findall(r"^([A-Za-z-]+):(.*(?:\n[ \t].*)*)", plain, re.MULTILINE)
    }
    if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes") == "no":
        return []
    signed = fields.get("signed-by", "")
    options = f"[signed-by={signed}] " if signed.startswith("/") else ""
    return [
        f"deb {options}{uri} {name} {fields.get('components', 'main')}"
        for uri in fields.get("uris", "").split()
        for name in fields.get("suites", "").split()
        if _is_suite(name, suite)
    ]


def _is_for_suite(line: str, suite: str) -> bool:
    words = re.sub(r"\[.*?\]", "", line).split()
    of_packages = len(words) > 2 and words[0] == "deb" and not words[1].startswith("cdrom:")
    return of_packages and _is_suite(words[2], suite)


def _is_suite(name: str, suite: str) -> bool:
    return name in {suite, f"{suite}-updates", f"{suite}-security"}
