"""The environment that a unit sets: what the profile names is shown, every other value is a secret."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator

from harness.redact import MASK, remember
from harness.site.profile import Site

_SHORTEST_VALUE, _SHORTEST_TOKEN = 8, 16
_TELLS = re.compile(r"KEY|SECRET|TOKEN|PASS|CREDENTIAL|AUTH|DSN|PRIVATE", re.IGNORECASE)
_TOKEN = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[\w+=.~-]+(?:/[\w+=.~-]+)*", re.ASCII)
_ASSIGNED = re.compile(r"^([ \t]*Environment[ \t]*=)((?:.*\\\n(?:[ \t]*[#;].*\n)*)*.*)$", re.MULTILINE)
_CONTINUED = re.compile(r"\\\n(?:[ \t]*[#;].*\n)*\s*")
"""systemd skips comments within a line that goes on."""
_POSIX_QUOTED = re.compile(r"\$'((?:[^'\\]|\\.)*)'", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|([0-7]{3})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "s": " "}


def parse_environment(text: str) -> dict[str, str]:
    """The value of ``Environment`` as systemd shows it, or as a unit file has it: words in shell quotes."""
    plain = _POSIX_QUOTED.sub(lambda match: shlex.quote(_unescaped(match[1])), text)
    try:
        words = shlex.split(plain)
    except ValueError:
        words = plain.split()
    return dict(word.split("=", 1) for word in words if "=" in word)


def masked(text: str, site: Site) -> str:
    """An environment's text without its secrets, which no other text shows from now on, either."""
    environment, named = parse_environment(text), site.agent.environment
    remember_secrets(text, site)
    return " ".join(
        shlex.quote(f"{name}={value}") if name in named else f"{name}={MASK}"
        for name, value in environment.items()
    )


def remember_secrets(text: str, site: Site) -> None:
    """Cut the values that the profile does not name out of every text; what the profile says is no secret."""
    profile = site.model_dump_json()
    for name, value in parse_environment(text).items():
        if name not in site.agent.environment and value not in profile and _is_secret(name, value):
            remember(value)
            remember(_unescaped(value))


def _is_secret(name: str, value: str) -> bool:
    """Whether a value is a secret in any text: `localhost` and `/var/log` are masked by their names alone."""
    if _is_named_secret(name, value):
        return True
    if "://" in value:
        return False
    return len(value) >= _SHORTEST_TOKEN and value[0] not in "-./" and bool(_TOKEN.fullmatch(value))


def _is_named_secret(name: str, value: str) -> bool:
    if "://" in value:
        return "@" in value or "=" in value
    return len(value) >= _SHORTEST_VALUE and bool(_TELLS.search(name))


def remember_arguments(cmdline: str, site: Site) -> None:
    """Cut what a kernel's command line keeps secret out of every text.

    What holds names itself, as ``systemd.setenv=NAME=value`` and ``systemd.set_credential=name:value`` do, is
    judged by each of them. A value whose name tells nothing is taken for an id or a digest, unless it has
    letters of both cases.
    """
    profile = site.model_dump_json()
    for name, value in parse_environment(cmdline).items():
        for part, rest in _parts(name, value):
            if rest not in profile and (_is_named_secret(part, rest) or _is_random(rest)):
                remember(rest)


def _parts(name: str, value: str) -> Iterator[tuple[str, str]]:
    """A value, and what is left of it behind each name that it holds itself."""
    yield name, value
    if "credential" in name:
        yield name, value.partition(":")[2]
    elif "=" in value:
        yield from _parts(*value.split("=", 1))


def _is_random(value: str) -> bool:
    if len(value) < _SHORTEST_TOKEN or value[0] in "-./" or "=" in value.rstrip("="):
        return False
    return value not in (value.lower(), value.upper()) and bool(_TOKEN.fullmatch(value))


def without_environment(site: Site) -> Callable[[str], str]:
    """Cuts the secrets of every ``Environment=`` out of a text: systemd's, a unit file's, or a drop-in's.

    What another line overrides is a secret, too.
    """

    def clean(text: str) -> str:
        return _ASSIGNED.sub(lambda match: match[1] + masked(_CONTINUED.sub(" ", match[2]), site), text)

    return clean


def _unescaped(text: str) -> str:
    def plain(match: re.Match[str]) -> str:
        hexadecimal, octal, other = match.groups()
        if other is not None:
            return _ESCAPED.get(other, other)
        return chr(int(hexadecimal, 16) if hexadecimal else int(octal, 8))

    return _ESCAPE.sub(plain, text)
