"""The agent in a guest, as the golden disk has it: its unit, what that starts, and what its sources say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from harness.survey.answer import Answer, Answers, Found, Open, several, the_one
from harness.survey.seen import GuestDisk
from harness.survey.shy import may_be_secret
from harness.survey.unit_text import SCRIPTS, UnitText, bytes_in, seconds_in, units_of

KNOWN_PROVIDERS = ("codex", "claude_code", "gemini_cli")
_LOOK = "the agent's unit in the guest: one that starts node with a server.js"
_SHOWN = ("NODE_ENV", "PORT")
"""Variables of a unit that are shown; any other may be a secret."""
_HARMLESS = re.compile(r"[A-Za-z0-9_.-]{1,40}", re.ASCII)
_DATABASE = re.compile(r"process\.env\.([A-Z0-9_]*(?:SUPABASE|DATABASE|POSTGRES)[A-Z0-9_]*_(?:URL|HOST))\b")
_PORT = re.compile(r"\b(?:process\.env\.PORT\s*(?:\|\||\?\?)\s*|listen\(\s*)(\d{2,5})\b")
_MIB = 1 << 20


def agent(disk: GuestDisk, providers: Sequence[str] = ()) -> Answers:
    """The agent's table.

    :param providers: those that rows of sessions name.
    """
    unit = agents_unit(disk)
    if not isinstance(unit, Found):
        return {"unit": unit}
    one = next(one for one in units_of(disk) if one.name == unit.value)
    return {
        "unit": unit,
        "unit_file": Found(one.path, _on(disk, one.path)),
        **_started(disk, one),
        **_limits(disk, one),
        "environment": _environment(disk, one),
        **_spoken(disk, one, providers),
    }


def agents_unit(disk: GuestDisk) -> Answer:
    """The unit of the only program of Node.js that logs users in, or else the only one there is."""
    if disk.error:
        return Open(f"{_LOOK}; the golden disk was not read: {disk.error}")
    nodes = [one for one in units_of(disk) if one.script]
    speaking = [one for one in nodes if any("/auth" in text for _, text in sources(disk, one))]
    told = [
        Found(one.name, f"{one.path} in {PurePosixPath(disk.disk).name}: ExecStart= starts {one.script}")
        for one in speaking or nodes
    ]
    return the_one(told, _LOOK)


def sources(disk: GuestDisk, unit: UnitText) -> list[tuple[str, str]]:
    """The JavaScript files that were read of what a unit starts, by path."""
    folder = unit.script_folder or "/-"
    return [
        (path, text)
        for path, text in sorted(disk.files.items())
        if path.endswith(SCRIPTS) and PurePosixPath(path).is_relative_to(folder)
    ]


def _on(disk: GuestDisk, path: str) -> str:
    return f"{path} in {PurePosixPath(disk.disk).name}"


def _started(disk: GuestDisk, unit: UnitText) -> Answers:
    where = _on(disk, unit.path)
    directory = unit.directory
    started = Found(directory, f"{where}: WorkingDirectory=") if directory else Open("its working directory")
    identifier = unit.last("SyslogIdentifier")
    return {
        "directory": started,
        "entry": Found(unit.script, f"{where}: ExecStart="),
        "node": Found(unit.command[0], f"{where}: ExecStart=")
        if unit.command[0].startswith("/")
        else Open("the absolute path of node in the guest"),
        "user": Found(
            unit.last("User") or "root", f"{where}: {'User=' if unit.last('User') else 'no User='}"
        ),
        "syslog_identifier": Found(
            identifier or "none", f"{where}: {'' if identifier else 'no '}SyslogIdentifier="
        ),
    }


def _limits(disk: GuestDisk, unit: UnitText) -> Answers:
    where = _on(disk, unit.path)
    found: dict[str, Answer] = {}
    pre = unit.last("ExecStartPre")
    found["start_pre"] = (
        Open(f"ExecStartPre= of {where}: it may hold a secret, and is not shown")
        if may_be_secret(pre or "")
        else Found(pre or "none", f"{where}: {'' if pre else 'no '}ExecStartPre=")
    )
    restart = unit.last("RestartSec")
    seconds = seconds_in(restart or "100ms")  # as systemd has it, where none is given
    found["restart_s"] = (
        Found(seconds, f"{where}: RestartSec={restart or ' is not set'}")
        if seconds is not None
        else Open(f"RestartSec={restart} of {where}, in seconds")
    )
    found["open_files"] = _open_files(unit.last("LimitNOFILE"), where)
    key = next((one for one in ("MemoryMax", "MemoryLimit") if unit.last(one)), "MemoryMax")
    found["memory_limit_mib"] = _memory_limit(key, unit.last(key), where)
    return found


def _open_files(limit: str | None, where: str) -> Answer:
    """The hard limit, where there are two."""
    number = (limit or "infinity").rpartition(":")[2]
    if number != "infinity" and not number.isdigit():
        return Open(f"LimitNOFILE={limit} of {where}, as a number")
    value = int(number) if number.isdigit() else "none"
    return Found(value, f"{where}: LimitNOFILE={limit or ' is not set'}")


def _memory_limit(key: str, limit: str | None, where: str) -> Answer:
    size = bytes_in(limit or "")
    if limit not in (None, "infinity") and (not size or size % _MIB):  # a share of the guest's own
        return Open(f"{key}={limit} of {where}, in MiB")
    return Found(size // _MIB if size else "none", f"{where}: {key}={limit or ' is not set'}")


def _environment(disk: GuestDisk, unit: UnitText) -> Answer:
    told = {
        name: value for name in _SHOWN if (value := unit.environment(name)) and _HARMLESS.fullmatch(value)
    }
    return Found(told, f"{_on(disk, unit.path)}: Environment=; what else it sets is shown nowhere")


def _spoken(disk: GuestDisk, unit: UnitText, providers: Sequence[str]) -> Answers:
    """What only its sources say."""
    read = sources(disk, unit)
    health = next((path for path, text in read if re.search(r"""["'`\s]/health["'`]""", text)), None)
    names = list(_providers(read, [*KNOWN_PROVIDERS, *providers]))
    databases = [
        Found(match[1], _on(disk, path)) for path, text in read for match in _DATABASE.finditer(text)
    ]
    return {
        "port": _port(disk, unit, read),
        "health_path": Found("/health", _on(disk, health))
        if health
        else Open("the path that tells its health"),
        "providers": Found(
            [one for one, _ in names], ", ".join(sorted({_on(disk, path) for _, path in names}))
        )
        if names
        else Open("the providers of POST /auth/<provider>"),
        "database_variable": the_one(
            databases, 'the variable with the address of its database; "none" where it uses none'
        ),
    }


def _providers(read: Sequence[tuple[str, str]], names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Those named as a key, a text or a part of a path."""
    for name in dict.fromkeys(names):
        pattern = rf"""["'`/]{re.escape(name)}["'`/]|^\s*{re.escape(name)}\s*:"""
        path = next((path for path, text in read if re.search(pattern, text, re.MULTILINE)), None)
        if path:
            yield name, path


def _port(disk: GuestDisk, unit: UnitText, read: Sequence[tuple[str, str]]) -> Answer:
    """As its unit says, or else its own file of settings, or else its sources."""
    look = "the agent's HTTP port"
    if (said := unit.environment("PORT")) and said.isdigit():
        return Found(int(said), f"{_on(disk, unit.path)}: Environment=PORT={said}")
    settings = str(PurePosixPath(unit.script_folder, ".env"))
    match = re.search(r"^\s*PORT\s*=\s*[\"']?(\d+)", disk.files.get(settings, ""), re.MULTILINE)
    if match:
        return Found(int(match[1]), f"{_on(disk, settings)}: PORT=")
    if files := unit.directives.get("EnvironmentFile"):
        return Open(f"{look}; {several(files)} may set it")
    told = [Found(int(match[1]), _on(disk, path)) for path, text in read for match in _PORT.finditer(text)]
    return the_one(told, look)
