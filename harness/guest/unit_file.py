"""The runbook's unit (step 4), directive by directive, as systemd sees it in a guest."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from harness.infra.environment import parse_environment
from harness.infra.host import Host
from harness.infra.units import Unit
from harness.site.profile import Site

_UNITS_S = {
    "y": 31557600,
    "month": 2629800,
    "w": 604800,
    "d": 86400,
    "h": 3600,
    "min": 60,
    "s": 1,
    "ms": 1e-3,
    "us": 1e-6,
}
_ADVICE = re.compile(
    r"please use |deprecated|will be removed|obsolete|is marked executable|is marked world-inaccessible", re.I
)
_MIB = 1024 * 1024
_NO_SUCH_PROPERTY = "(no such property)"
_ARGUMENTS, _AFTER_ARGUMENTS = "argv[]=", " ; ignore_errors="


_MORE_ENVIRONMENT = ("EnvironmentFiles", "PassEnvironment", "UnsetEnvironment")


@dataclass(frozen=True)
class Directive:
    """One line of the runbook's unit: ``problem`` says how systemd's view differs, or nothing."""

    name: str
    problem: Callable[[Unit, Site], str | None]
    by_process: Callable[[Unit, Site], bool] = lambda _unit, _site: False
    """Whether only the unit's process tells what is in force."""

    def __str__(self) -> str:
        return self.name


def _includes(line: str, property_names: Iterable[str]) -> Directive:
    key, _, wanted = line.partition("=")

    def problem(unit: Unit, _site: Site) -> str | None:
        seen = {name: unit.get(name) for name in property_names}
        if any(wanted in value.split() for value in seen.values()):
            return None
        return _differs(line, *seen.items())

    return Directive(key, problem)


def _is(name: str, property_name: str, expected: Callable[[Site], str], *also: str) -> Directive:
    """A property that must have one value; ``also`` are other ways to say the same."""

    def problem(unit: Unit, site: Site) -> str | None:
        seen = unit.get(property_name)
        if seen in {expected(site), *also}:
            return None
        return _differs(f"{name}={expected(site)}", (property_name, seen))

    return Directive(name, problem)


def _at_least(name: str, expected: Callable[[Site], int | None]) -> Directive:
    """A limit that may be higher, or none."""

    def problem(unit: Unit, site: Site) -> str | None:
        seen, wanted = unit.get(name), expected(site)
        if (
            wanted is None
            or seen == "infinity"
            or (seen.isascii() and seen.isdigit() and int(seen) >= wanted)
        ):
            return None
        return _differs(f"{name}={wanted} at least", (name, seen))

    return Directive(name, problem)


def _lasts(name: str, property_name: str, expected_s: Callable[[Site], float]) -> Directive:
    def problem(unit: Unit, site: Site) -> str | None:
        seen = unit.get(property_name)
        if parse_span(seen) == expected_s(site):
            return None
        return _differs(f"{name}={expected_s(site):g}", (property_name, seen))

    return Directive(name, problem)


def _user(unit: Unit, site: Site) -> str | None:
    seen = unit.get("User") or "root"  # without User= a system service runs as root
    return None if seen == site.agent.user else _differs(f"User={site.agent.user}", ("User", seen))


def _environment_by_process(unit: Unit, site: Site) -> bool:
    """A file overrides what the unit sets: what is in force its process tells."""
    return bool(site.agent.environment) and any(unit.get(key) for key in _MORE_ENVIRONMENT)


def _environment(unit: Unit, site: Site) -> str | None:
    wanted, by_process = site.agent.environment, _environment_by_process(unit, site)
    seen = unit.environment(wanted) if by_process else parse_environment(unit.get("Environment"))
    wrong = {key: value for key, value in wanted.items() if seen.get(key) != value}
    if not wrong:
        return None
    # Other variables may be secrets: only those that the profile names are shown.
    shown = " ".join(f"{key}={seen.get(key, '(not set)')}" for key in wrong)
    expected = ", ".join(f"Environment={key}={value}" for key, value in wrong.items())
    return f"expected {expected}; {'its process has' if by_process else 'systemd says'}: {shown}"


def _command(name: str, expected: Callable[[Site], list[str]]) -> Directive:
    def problem(unit: Unit, site: Site) -> str | None:
        seen = parse_commands(unit.get(name))
        if seen == expected(site):
            return None
        wanted = "; ".join(f"{name}={command}" for command in expected(site)) or f"no {name}="
        return _differs(wanted, (name, "; ".join(seen) or "none"))

    return Directive(name, problem)


def _memory(unit: Unit, site: Site) -> str | None:
    limits = {group: int(value) // _MIB for group, value in unit.memory_limits.items() if value != "max"}
    expected = site.agent.memory_limit_mib
    if expected is None or (limits and min(limits.values()) == expected):
        return None
    enforced = ", ".join(f"{group}: {mib} MiB" for group, mib in limits.items()) or "no limit"
    told = " ".join(f"{key}={unit.get(key, _NO_SUCH_PROPERTY)}" for key in ("MemoryMax", "MemoryLimit"))
    return (
        f"expected MemoryLimit={expected}M (or MemoryMax={expected}M) in force; "
        f"the cgroup enforces {enforced}; systemd says: {told}"
    )


def _differs(expected: str, *seen: tuple[str, str]) -> str:
    shown = " ".join(f"{key}={value}" for key, value in seen)
    return f"expected {expected}; systemd says: {shown}"


DIRECTIVES: tuple[Directive, ...] = (
    _includes("After=network-online.target", ("After",)),
    _includes("Wants=network-online.target", ("Wants", "Requires")),
    _lasts("StartLimitIntervalSec", "StartLimitIntervalUSec", lambda _site: 0),
    _is("Type", "Type", lambda _site: "simple"),
    _is("Restart", "Restart", lambda _site: "always"),
    _lasts("RestartSec", "RestartUSec", lambda site: site.agent.restart_s),
    Directive("User", _user),
    _is("WorkingDirectory", "WorkingDirectory", lambda site: site.agent.directory),
    Directive("Environment", _environment, _environment_by_process),
    _command("ExecStartPre", lambda site: [site.agent.start_pre] if site.agent.start_pre else []),
    _command("ExecStart", lambda site: [f"{site.agent.node} {site.agent.entry}"]),
    _is("StandardOutput", "StandardOutput", lambda _site: "journal"),
    _is("StandardError", "StandardError", lambda _site: "journal"),
    _is("SyslogIdentifier", "SyslogIdentifier", lambda site: site.agent.syslog_identifier or ""),
    _at_least("LimitNOFILE", lambda site: site.agent.open_files),
    Directive("MemoryLimit", _memory, lambda _unit, site: site.agent.memory_limit_mib is not None),
    _includes("WantedBy=multi-user.target", ("WantedBy", "RequiredBy")),
)
GOVERNED = frozenset(directive.name for directive in DIRECTIVES) | {
    "Requires",
    "BindsTo",
    "StartLimitBurst",
    "StartLimitInterval",
    "EnvironmentFile",
    "UnsetEnvironment",
    "MemoryMax",
    "MemoryHigh",
    "ExecStartPost",
    "ExecCondition",
    "RestartSteps",
    "RestartMaxDelaySec",
    "RestartPreventExitStatus",
    "SuccessExitStatus",
    "Group",
    "RootDirectory",
}
"""Keys that a drop-in may not set: the runbook's own, and those that change what they mean."""


def parse_span(text: str) -> float | None:
    """systemd's ``1min 30s`` in seconds; infinity, or None for what is no time span."""
    if text == "infinity":
        return float("inf")
    words = text.split()
    matches = [re.fullmatch(r"([0-9]{1,20}(?:\.[0-9]{1,20})?)([a-z]*)", word) for word in words]
    if not words or any(match is None or match[2] not in {"", *_UNITS_S} for match in matches):
        return None
    return round(sum(float(match[1]) * _UNITS_S.get(match[2], 1) for match in matches if match), 6)


def parse_commands(text: str) -> list[str]:
    """The command lines of ``ExecStart`` and its kin as ``systemctl show`` prints them."""
    found, end = [], 0
    while (begin := text.find(_ARGUMENTS, end)) >= 0:
        end = text.find(_AFTER_ARGUMENTS, begin)
        if end < 0:
            break
        found.append(text[begin + len(_ARGUMENTS) : end].strip())
    return found


def assignments(text: str) -> list[tuple[str, str]]:
    """Keys assigned in a unit file or drop-in, each with its value, in order."""
    joined = re.sub(r"\\\n\s*", " ", text)
    found = (re.match(r"\s*([A-Za-z]+)\s*=\s*(.*)", line) for line in joined.splitlines())
    return [(match[1], match[2].strip()) for match in found if match]


def changed_by_drop_ins(guest: Host, site: Site) -> Mapping[str, list[str]]:
    """Drop-ins that set what the runbook's unit governs: path -> keys.

    Further variables of the environment, as a proxy's, change nothing that the unit sets.
    """
    found: dict[str, list[str]] = {}
    for path in guest.unit(site.agent.unit).get("DropInPaths").split():
        file = guest.file(path)
        set_there = assignments(file.content_string) if file.is_file else [("(it could not be read)", "")]
        governed = [
            key
            for key, value in set_there
            if (key in GOVERNED and not _adds_variables(key, value, site)) or not key.isalpha()
        ]
        if governed:
            found[path] = governed
    return found


def _adds_variables(key: str, value: str, site: Site) -> bool:
    """Whether it only adds to the environment: neither empties it, nor sets what the profile asks for."""
    names = parse_environment(value)
    return key == "Environment" and bool(names) and names.keys().isdisjoint(site.agent.environment)


def verify_findings(output: str, unit_path: str) -> tuple[list[str], list[str]]:
    """``systemd-analyze verify``: what is wrong with this unit, and what is only advice."""
    name = PurePosixPath(unit_path).name
    ours = [line.strip() for line in output.splitlines() if unit_path in line or line.startswith(f"{name}:")]
    advice = [line for line in ours if _ADVICE.search(line)]
    return [line for line in ours if line not in advice], advice
