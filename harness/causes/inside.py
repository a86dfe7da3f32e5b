"""What a guest tells of itself by SSH: one script, and how its answer is read."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Protocol

from harness.causes.facts import Inside, Listener, UnitSeen
from harness.infra.start_failure import first_error_in, said_in
from harness.run import Result
from harness.site.profile import Site
from harness.values import decimal, natural

_MARK = "=== acceptance: "
_SHOW = (
    "Id,LoadState,ActiveState,SubState,Result,UnitFileState,FragmentPath,MainPID,ControlGroup,NRestarts,"
    "ExecMainStatus,ExecMainCode,MemoryMax,MemoryLimit,MemoryCurrent,WorkingDirectory,User"
)
_LISTENING = re.compile(
    r"LISTEN\s+\d+\s+\d+\s+(\S+):(\d+)\s+\S+(?:\s+users:\(\(\"(.+?)\",pid=(\d+))?", re.ASCII
)
_FULL = re.compile(r"^full avg10=(\d+\.\d+) ", re.MULTILINE | re.ASCII)
_MOST_UNIT = 16 << 10
_SCRIPT = r"""
mark() {{ printf '\n{mark}%s\n' "$1"; }}
agent={unit} entry={entry}
mark show; systemctl show -p {show} -- {units}
mark processes; group=$(systemctl show --value -p ControlGroup "$agent")
systemctl show --value -p MainPID "$agent"
[ ! "$group" ] || grep -lsF ":$group" /proc/[0-9]*/cgroup | cut -d / -f 3
mark pressure; [ ! "$group" ] || cat "/sys/fs/cgroup$group/memory.pressure" 2>/dev/null
mark journal; journalctl -u "$agent" -n 50 -o short-precise --no-pager --quiet
mark unreadable
systemctl show -p EnvironmentFiles "$agent" | sed -n 's/^EnvironmentFiles=\(.*\) (ignore_errors=no)$/\1/p' |
while IFS= read -r file; do IFS=; for one in $file; do [ -r "$one" ] || printf '%s\n' "$one"; done; done
mark listen; ss -Hltnp "sport = :{port}"
failed=$(systemctl list-units --plain --no-legend --state=failed,auto-restart | cut -d ' ' -f 1)
mark failed; echo "$failed"
mark root
while read -r _ where kind options _; do [ "$where" = / ] && echo "$kind $options"; done </proc/mounts
mark address; ip -o -4 address show scope global
mark cmdline; cat /proc/cmdline
mark unit; head -c {most} {unit_file} 2>/dev/null
mark entry; sha256sum -- "$entry" 2>/dev/null
mark check; systemctl is-active --quiet "$agent" || timeout 5 {node} --check "$entry" 2>&1
mark others
for one in $(echo "$failed" | head -n 5)
do [ "$one" = "$agent" ] || journalctl -u "$one" -n 50 -o short-precise --no-pager --quiet; done
"""


class Script(Protocol):
    """Runs shell in a guest as root."""

    def __call__(self, text: str, *, timeout_s: float) -> Result:
        """What came of it."""


def question(site: Site) -> str:
    """The script that asks for all of it."""
    agent = site.agent
    return _SCRIPT.format(
        mark=_MARK,
        unit=shlex.quote(agent.unit),
        units=shlex.join([agent.unit, *site.guest.desktop_units]),
        entry=shlex.quote(agent.entry),
        unit_file=shlex.quote(agent.unit_file),
        node=shlex.quote(agent.node),
        port=agent.port,
        show=_SHOW,
        most=_MOST_UNIT,
    )


def read_inside(text: str) -> Inside:
    """The answer, read.

    :raises UnreadableError: it is none.
    """
    parts = _parts(text)
    return Inside(
        units={unit.get("Id"): unit for unit in _units(parts.get("show", ""))},
        journal=tuple(said_in(parts.get("journal", ""))),
        listeners=tuple(_listeners(parts.get("listen", ""))),
        processes=frozenset(
            natural(word, whose="a process of the agent's unit")
            for word in parts.get("processes", "").split()
        )
        - {0},
        unreadable=tuple(line for line in parts.get("unreadable", "").split("\n") if line),
        memory_wait=_waiting(parts.get("pressure", "")),
        root=parts.get("root", "").strip().split("\n")[-1],
        addresses=tuple(re.findall(r"\binet (\d+\.\d+\.\d+\.\d+/\d+)", parts.get("address", ""))),
        cmdline=parts.get("cmdline", "").strip(),
        failed=tuple(line.split()[0] for line in parts.get("failed", "").split("\n") if line.split()),
        checked=first_error_in(parts.get("check", "").split("\n")),
        unit_file=parts.get("unit", ""),
        entry=parts.get("entry", "").partition(" ")[0],
        told=text,
    )


def _parts(text: str) -> dict[str, str]:
    """What stands below each mark."""
    found: dict[str, str] = {}
    for part in f"\n{text}".split(f"\n{_MARK}")[1:]:
        name, _, rest = part.partition("\n")
        found[name] = rest
    return found


def _units(text: str) -> list[UnitSeen]:
    """Units apart, as ``systemctl show`` prints several: an empty line between them."""
    blocks = [block for block in text.split("\n\n") if block.strip()]
    return [UnitSeen(_properties(block)) for block in blocks]


def _properties(block: str) -> Mapping[str, str]:
    return dict(line.split("=", 1) for line in block.split("\n") if "=" in line)


def _waiting(text: str) -> float:
    told = _FULL.search(text)
    return decimal(told[1], whose="how long the agent's processes wait for memory") if told else 0.0


def _listeners(text: str) -> list[Listener]:
    found = (_LISTENING.search(line) for line in text.split("\n"))
    return [
        Listener(f"{match[1]}:{match[2]}", match[3] or "", natural(match[4] or "0", whose="who listens"))
        for match in found
        if match
    ]
