"""What mends a thing, as values: a command's words, or SQL and its parameters. Shown to a person, never run.

A site may call a device ``fc-$(reboot)`` and a file whatever bytes it likes. So a mend keeps what it names
apart from what it says, and is written in one place: one line of printable ASCII, which a shell, or
PostgreSQL, takes for exactly those words and values, however the terminal or a mail may treat other letters.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.text import encoded, one_line

HEADING = "mend (nothing was changed):"
"""The line above the mends of a report; each line below it is one, whole."""

_PRINTABLE = re.compile(r"[ -~]*")
_NOT_AS_IT_IS = re.compile(rb"[^A-Za-z0-9_./:=@,+ -]|\A-")
_BYTE = re.compile("[\udc80-\udcff]")
"""A byte that is no UTF-8, as :func:`harness.text.decoded` has it."""


@dataclass(frozen=True)
class ProcessThing:
    """A process for good: a pid is given again, and not with the same start time."""

    pid: int
    started: int


@dataclass(frozen=True)
class PathThing:
    """A file, folder or socket for good: an inode is given again, and each file system has its own."""

    path: str
    inode: int
    device: int
    kind: str


@dataclass(frozen=True)
class TapThing:
    """A TAP device for good: its index is not given again while the host runs."""

    name: str
    index: int
    netns: int


Thing = ProcessThing | PathThing | TapThing


@dataclass(frozen=True)
class Command:
    """A program and its arguments; ``on`` is the very thing that it is meant for, where it is one."""

    argv: tuple[str, ...]
    on: Thing | None = None

    @property
    def line(self) -> str:
        """As it is pasted into a shell."""
        return shell_line(self.argv)


@dataclass(frozen=True)
class Name:
    """A name in SQL: a table with its schema, a column."""

    parts: tuple[str, ...]


@dataclass(frozen=True)
class Statement:
    """SQL, with ``{name}`` where a parameter stands: a name, a text, or some texts."""

    sql: str
    parameters: Mapping[str, Name | str | Sequence[str]]

    @property
    def line(self) -> str:
        """As it is pasted into psql."""
        return self.sql.format(**{key: _written(value) for key, value in self.parameters.items()})


@dataclass(frozen=True)
class Words:
    """What only a person can do."""

    text: str

    @property
    def line(self) -> str:
        """As it is read."""
        return one_line(self.text)


Mend = Command | Statement | Words


def shell_line(argv: Sequence[str]) -> str:
    """A command on one line of printable ASCII, for any POSIX shell.

    What cannot be seen, or is no ASCII, is written by ``printf``: ``$'…'`` is read by bash and not by dash.
    The shell cuts line feeds off the end of what ``printf`` writes, so such a word gets a stop behind it.
    """
    if any("\0" in word for word in argv):
        shown = shell_line([word.replace("\0", r"\x00") for word in argv])
        return f"# no command can be given a NUL: {shown}"
    before: list[str] = []
    words: list[str] = []
    for word in argv:
        if not word.endswith("\n"):
            words.append(_quoted(word))
            continue
        name = f"word{len(before) + 1}"
        before.append(f"{name}=$({_printf(encoded(word) + b'.')}); ")
        words.append(f'"${{{name}%.}}"')
    return "".join(before) + " ".join(words)


def _quoted(word: str) -> str:
    # An interactive bash looks for its history in "!", and loses count of quotes within quotes.
    if _PRINTABLE.fullmatch(word) and not ("'" in word and "!" in word):
        return shlex.quote(word)
    return f'"$({_printf(encoded(word))})"'


def _printf(raw: bytes) -> str:
    said = _NOT_AS_IT_IS.sub(lambda match: b"\\%03o" % match[0][0], raw)
    return f"printf '{said.decode()}'"


def _written(value: Name | str | Sequence[str]) -> str:
    if isinstance(value, Name):
        return ".".join(map(_identifier, value.parts))
    return _literal(value) if isinstance(value, str) else ", ".join(map(_literal, value))


def _identifier(name: str) -> str:
    """A quoted name; one that cannot be seen by its code points."""
    doubled = name.replace('"', '""')
    if _PRINTABLE.fullmatch(name):
        return f'"{doubled}"'
    told = "".join(
        c if " " <= c <= "~" and c != "\\" else r"\\" if c == "\\" else rf"\+{ord(c):06x}" for c in doubled
    )
    return f'U&"{told}"'


def _literal(text: str) -> str:
    """A text, whatever ``standard_conforming_strings`` is; one that PostgreSQL cannot hold, it refuses.

    A byte that is no UTF-8 comes from a database that keeps bytes, so there all are written as bytes.
    """
    doubled = text.replace("'", "''")
    if _PRINTABLE.fullmatch(text) and "\\" not in text:
        return f"'{doubled}'"
    bytewise = _BYTE.search(text) is not None
    return f"E'{''.join(_escaped(c, bytewise=bytewise) for c in doubled)}'"


def _escaped(character: str, *, bytewise: bool) -> str:
    if character == "\\":
        return r"\\"
    if " " <= character <= "~":
        return character
    if bytewise:
        return "".join(f"\\x{byte:02x}" for byte in encoded(character))
    point = ord(character)
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"
