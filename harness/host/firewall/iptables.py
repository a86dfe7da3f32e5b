"""The text of ``iptables-save`` as tables of :mod:`harness.host.firewall.packets`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv4Network

from harness.host.firewall.packets import (
    DECIDES_ELSEWHERE,
    SWALLOWS,
    Chain,
    Packet,
    Rule,
    Table,
    Test,
    Told,
    Verdict,
    all_of,
    negated,
    unknown,
)

TARGETS: dict[str, Verdict] = {
    **{"ACCEPT": "accept", "DROP": "drop", "REJECT": "drop", "RETURN": "return"},
    **dict.fromkeys(SWALLOWS, "drop"),
}
HOOKS = {name: name.lower() for name in ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING", "FORWARD")}
HARMLESS = ("-m", "--match", "--comment")
"""Options that match nothing themselves, each with one value."""
TEXTS = ("--comment", "--string", "--hex-string")
"""Options whose value is any text, one that looks like an option among it."""
_LINE = re.compile(r'(?:[^"\n]|"(?:[^"\\]|\\.)*+(?:"|\\?\Z))++', re.DOTALL)
"""A comment is in double quotes, and may hold whatever it likes, line breaks among it."""
_PORT = re.compile(r"[0-9]{1,5}")


def lines_of(text: str) -> list[str]:
    """The lines that the tool meant: no comment makes one."""
    return [line for line in _LINE.findall(text) if line.strip()]


def tables_of(text: str) -> list[Table]:
    """All tables but ``nat``, which drops nothing."""
    found: list[Table] = []
    chains: dict[str, Chain] = {}
    for line in lines_of(text):
        if line.startswith("*"):
            chains = {}
            if line != "*nat":
                found.append(Table(f"iptables {line[1:]}", chains))
        elif line.startswith(":"):
            name, policy = line[1:].split()[:2]
            hook = HOOKS.get(name, "") if policy != "-" else ""
            chains[name] = Chain(hook=hook, policy=TARGETS.get(policy, "accept"))
        elif line.startswith("-A "):
            name, words = line.split()[1], _words(line)
            rule = _rule(words[2:], line, chains) if words else Rule(unknown, "drop", line)
            chains.setdefault(name, Chain()).rules.append(rule)
    return found


def _words(line: str) -> list[str]:
    """A rule's words; none where they cannot be told apart, or where it jumps nowhere."""
    try:
        words = shlex.split(line)
    except ValueError:
        return []
    return [] if words[-1] in ("-j", "-g") else words


def _rule(words: list[str], line: str, chains: dict[str, Chain]) -> Rule:
    tests: list[Test] = []
    negate, rest = False, list(words)
    while rest:
        option = rest.pop(0)
        if option == "!":
            negate = True
            continue
        if option in ("-j", "-g"):
            if rest[0] in DECIDES_ELSEWHERE:
                return Rule(all_of([*tests, unknown]), "drop", line)  # a program does
            return Rule(all_of(tests), *_what_then(option, rest[0], line, chains))
        values = [rest.pop(0)] if rest and option in TEXTS else []
        while option not in TEXTS and rest and not rest[0].startswith("-") and rest[0] != "!":
            values.append(rest.pop(0))
        if option not in HARMLESS:
            test = _test(option, values)
            tests.append(negated(test) if negate else test)
            negate = False
    return Rule(all_of(tests), "continue", line)


def _what_then(option: str, target: str, line: str, chains: dict[str, Chain]) -> tuple[Verdict, str, str]:
    if target in TARGETS:
        return TARGETS[target], line, ""
    if target in chains:
        return ("goto" if option == "-g" else "jump"), line, target
    return "continue", line, ""  # LOG, MARK, CT, …: the packet goes on


def _test(option: str, values: list[str]) -> Test:
    value = values[0] if values else ""
    simple: dict[str, Callable[[str], Test]] = {
        "-s": lambda v: lambda p: p.source in IPv4Network(v, strict=False),
        "-d": lambda v: lambda p: p.target in IPv4Network(v, strict=False),
        "-i": lambda v: lambda p: _device(v, p.incoming),
        "-o": lambda v: lambda p: _device(v, p.outgoing),
        "-p": lambda v: lambda _: v in ("tcp", "6", "all", "0"),
        "--sport": lambda v: lambda p: _port(v, p.sport),
        "--sports": lambda v: lambda p: _port(v, p.sport),
        "--dport": lambda v: lambda p: _port(v, p.dport),
        "--dports": lambda v: lambda p: _port(v, p.dport),
        "--ports": lambda v: lambda p: _port(v, p.sport) or _port(v, p.dport),
        "--ctstate": lambda v: lambda p: p.state.upper() in v.split(","),
        "--state": lambda v: lambda p: p.state.upper() in v.split(","),
        "--src-range": lambda v: lambda p: _within(v, p.source),
        "--dst-range": lambda v: lambda p: _within(v, p.target),
        "--src-type": lambda v: lambda p: ("UNICAST" if p.incoming else "LOCAL") in v.split(","),
        "--dst-type": lambda v: lambda p: ("UNICAST" if p.outgoing else "LOCAL") in v.split(","),
        "--syn": lambda _: lambda p: p.state == "new",
    }
    if option == "--tcp-flags" and values == ["FIN,SYN,RST,ACK", "SYN"]:
        option = "--syn"
    return _told_or_unknown(simple[option](value)) if option in simple else unknown


def _told_or_unknown(test: Test) -> Test:
    """A value that is no address or port: nobody can tell what it matches."""

    def told(packet: Packet) -> Told:
        try:
            return test(packet)
        except ValueError:
            return None

    return told


def _device(pattern: str, device: str) -> bool:
    return bool(device) and fnmatchcase(device, f"{pattern[:-1]}*" if pattern.endswith("+") else pattern)


def _port(text: str, port: int) -> bool:
    for part in text.split(","):
        low, _, high = part.partition(":")
        if any(one and not _PORT.fullmatch(one) for one in (low, high)):
            raise ValueError(f"{part} is no port")
        if int(low or 0) <= port <= int(high or (65535 if ":" in part else low)):
            return True
    return False


def _within(text: str, address: IPv4Address) -> bool:
    low, _, high = text.partition("-")
    return IPv4Address(low) <= address <= IPv4Address(high or low)
