"""What else a guest is to offer, as the golden disk has it: its desktop, the ports of that, and SSH."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from harness.survey.answer import Answer, Answers, Found, Open, the_one, value_of
from harness.survey.seen import GuestDisk
from harness.survey.unit_text import UnitText, units_of

_X_SERVERS = ("Xvnc", "Xtigervnc", "vncserver", "tigervncserver", "x11vnc", "x0vncserver", "x0tigervncserver")
_BRIDGES = ("websockify", "novnc_proxy", "launch.sh", "novnc")
_OTHERS = ("Xvfb", "Xorg", "openbox", "fluxbox", "xfce4-session", "startxfce4", "matchbox-window-manager")
_BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "firefox",
    "firefox-esr",
)
_STARTERS = ("sh", "bash", "python3", "env", "xinit")
_FIRST_WORDS = 5
"""Of a command that begins with one of these."""
_FIRST_DISPLAY = 5900
_LOOK_VNC = "VNC's port in the guest: `ss -ltn` in a VM"
_LOOK_NOVNC = "the port of websockify or noVNC in the guest: `ss -ltn` in a VM"


_LOOKS = {
    "ssh_port": "SSH's port in the guest",
    "vnc_port": _LOOK_VNC,
    "novnc_port": _LOOK_NOVNC,
    "listening_ports": "the only ports that may listen beyond loopback in a guest",
    "desktop_units": "units of the desktop that the agent can do without",
}


def guest(disk: GuestDisk, agents_port: Answer | None) -> Answers:
    """The ports of a guest, and the units of its desktop."""
    if disk.error:
        why = f"the golden disk was not read: {disk.error}"
        return {field: Open(f"{look}; {why}") for field, look in _LOOKS.items()}
    units = [one for one in units_of(disk) if one.enabled]
    vnc, novnc = the_one(_vnc(disk, units), _LOOK_VNC), the_one(_novnc(disk, units), _LOOK_NOVNC)
    answers: dict[str, Answer] = {"ssh_port": _ssh(disk), "vnc_port": vnc, "novnc_port": novnc}
    return {**answers, "listening_ports": _listening(answers, agents_port, units), **_desktop(disk, units)}


def keys_told(disk: GuestDisk, user: str, public: str) -> bool | None:
    """Whether a public key may log in as a user; None where the user's keys were not read."""
    home = "/root" if user == "root" else f"/home/{user}"
    text = disk.files.get(f"{home}/.ssh/authorized_keys")
    return None if text is None else public.split()[1] in text.split()


def _ssh(disk: GuestDisk) -> Answer:
    main = "/etc/ssh/sshd_config"
    files = [one for one in sorted(disk.files) if one == main or one.startswith(f"{main}.d/")]
    said = [
        Found(int(match[1]), f"{path} in {PurePosixPath(disk.disk).name}: Port")
        for path in files
        for match in re.finditer(r"^\s*Port\s+(\d+)", disk.files[path], re.MULTILINE | re.IGNORECASE)
    ]
    if not said and main in files:
        return Found(22, f"{main} in {PurePosixPath(disk.disk).name} names no Port")
    return the_one(said, _LOOKS["ssh_port"])


def _serves(unit: UnitText, names: Sequence[str]) -> bool:
    """Whether a unit runs one of these programs, be it by way of a shell or an interpreter."""
    words = " ".join(unit.command).split()
    words = words[:_FIRST_WORDS] if unit.program in _STARTERS else words[:1]
    return any(PurePosixPath(word).name in names for word in words)


def _vnc(disk: GuestDisk, units: Sequence[UnitText]) -> Iterator[Found]:
    for one in units:
        if not _serves(one, _X_SERVERS):
            continue
        text = " ".join(one.command)
        port = re.search(r"-rfbport[ =](\d+)", text)
        display = re.search(r"(?:^|\s):(\d{1,2})\b", text)
        if port or display:
            number = int(port[1]) if port else _FIRST_DISPLAY + int(display[1] if display else 0)
            said = port[0] if port else display[0].strip() if display else ""
            yield Found(number, f"{one.path} in {PurePosixPath(disk.disk).name}: {said}")


def _novnc(disk: GuestDisk, units: Sequence[UnitText]) -> Iterator[Found]:
    for one in units:
        if _serves(one, _BRIDGES) and (port := _listens_on(one.command)):
            yield Found(port, f"{one.path} in {PurePosixPath(disk.disk).name}: {one.program}")


def _listens_on(words: Sequence[str]) -> int | None:
    """noVNC's --listen, or websockify's first word that is a port; the one behind it is where it leads."""
    text = " ".join(words)
    given = re.search(r"--listen[ =](?:\S+:)?(\d+)", text)
    if given:
        return int(given[1])
    ports = [match[1] for word in words[1:] if (match := re.fullmatch(r"(?:[\w.\[\]]+:)?(\d{2,5})", word))]
    return int(ports[0]) if len(ports) > 1 else None


def _desktop(disk: GuestDisk, units: Sequence[UnitText]) -> Answers:
    names = [one.name for one in units if _serves(one, (*_X_SERVERS, *_BRIDGES, *_OTHERS, *_BROWSERS))]
    if not names:
        return {"desktop_units": Open(_LOOKS["desktop_units"])}
    seen = f"enabled in {PurePosixPath(disk.disk).name}; leave out what the agent cannot do without"
    return {"desktop_units": Found(names, seen)}


def _listening(answers: Answers, agents_port: Answer | None, units: Sequence[UnitText]) -> Answer:
    """VNC is none of them where it is told to serve its own machine alone."""
    inside = any(
        _serves(one, _X_SERVERS)
        and re.search(r"-localhost(?! no)\b|-listen (localhost|127\.)", " ".join(one.command))
        for one in units
    )
    ports = [value_of(answers, "ssh_port"), value_of(answers, "novnc_port")]
    ports += [agents_port.value if isinstance(agents_port, Found) else None]
    ports += [] if inside else [value_of(answers, "vnc_port")]
    if None in ports:
        return Open(_LOOKS["listening_ports"])
    told = "SSH, the agent, noVNC" + ("; VNC serves the guest alone" if inside else " and VNC")
    return Found(sorted(int(str(one)) for one in ports), told)
