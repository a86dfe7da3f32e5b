"""Kinds of values in a profile: each is what its name says, or the profile is refused.

A value ends up in an ssh_config line, in a path, on a command line, in SQL, on a terminal. So no text has a
control character or a line break, what becomes an argument does not begin with ``-``, and what is a name
looks like one. An expectation is told without the value: that may be a secret in the wrong place.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from ipaddress import IPv4Address, IPv4Interface, IPv6Address
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Strict,
)
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_after_validator_function

from harness.site.patterns import fault_of
from harness.text import one_line

_LONGEST = 4000
_LOGIN = re.compile(r"\b(host|hostaddr|user|dbname)\s*=", re.IGNORECASE)
_GIVEN = r"\s*=\s*(?!\{(session|user|password)\})\S"  # a placeholder is none
_PASSWORD = re.compile(rf"\bpassword{_GIVEN}", re.IGNORECASE)
_SECRET = re.compile(rf"(password|passwd|token){_GIVEN}", re.IGNORECASE)
_HOST = r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?"


class Untold:
    """A mark: what stands in this field is never quoted, for a secret may have been written there."""


class Hidden(Untold):
    """A mark: it is any text, so that nothing holds a secret off; nor is it shown where it was given."""


def marked(field: FieldInfo, mark: type[Untold]) -> bool:
    """Whether a field of the profile has that mark."""
    return any(isinstance(one, type) and issubclass(one, mark) for one in field.metadata)


def looks_secret(text: str) -> bool:
    """Whether a text holds a login, or a secret by its name."""
    return _holds_login(text) or _SECRET.search(text) is not None


def _holds_login(text: str) -> bool:
    """Whether it does as a connection string does, of either kind."""
    urls = (word.partition("://")[2] for word in text.split())
    return any("@" in rest for rest in urls) or bool(_LOGIN.search(text) and _PASSWORD.search(text))


def _plain_line(text: str) -> str:
    if one_line(text) != text:
        raise ValueError("expected one line without control or invisible characters")
    if _holds_login(text):
        raise ValueError("holds a login; secrets are never in the profile, it names where they are")
    if len(text) > _LONGEST:
        raise ValueError(f"expected at most {_LONGEST} characters")
    return text


def _line(text: str) -> str:
    if looks_secret(_plain_line(text)):
        raise ValueError("holds a password or token; secrets are never in the profile")
    return text


def _some(text: str) -> str:
    if not text.strip():
        raise ValueError("expected some text, and this is empty")
    return text


def _words(text: str) -> str:
    return _line(_some(text))


def _about_secrets(text: str) -> str:
    """What may well name a password, and mean the word: ``input[password=on]``, ``ERROR: token = null``."""
    return _plain_line(_some(text))


@dataclass(frozen=True)
class _Shape:
    """A text that a pattern describes, here and in the profile's JSON Schema."""

    pattern: str
    expected: str

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        compiled = re.compile(self.pattern)

        def held(text: str) -> str:
            if compiled.fullmatch(text) is None:
                raise ValueError(f"expected {self.expected}")
            return text

        return no_info_after_validator_function(held, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), "pattern": f"^({self.pattern})$"}


def _absolute(text: str) -> str:
    parts = _words(text).split("/")
    if parts[0] or {"..", "."} & set(parts):
        raise ValueError("expected an absolute path, /like/this, without . and .. in it")
    return "/" + "/".join(filter(None, parts))


def _own_path(value: object) -> object:
    if isinstance(value, str):
        _words(value)
    return value


def _is_file(value: str) -> bool:
    """Whether there is a file of that name: one that is longer than a name can be is none."""
    try:
        return Path(value).is_file()
    except OSError:
        return False


def _names_a_file(value: object) -> object:
    if isinstance(value, str) and not (value.startswith(("/", "~", "./", "../")) or _is_file(value)):
        raise ValueError("expected the path of the FILE, /like/this, ~/like/this or ./like/this")
    return value


def _names_a_variable(text: str) -> str:
    """A password may look like a name in small letters: such a one counts where a variable is called so."""
    name = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,127}", text)
    if name is None or (text != text.upper() and text not in os.environ):
        raise ValueError("expected the NAME of an environment variable, in capitals, and not what it holds")
    return text


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError("begins with ~ and the name of a user whom this machine does not have") from None


def _for_ssh(path: Path) -> Path:
    if set('"%\\$') & set(str(path)):
        raise ValueError('expected a path without " % $ and \\, which mean something else to ssh')
    return path


def _program(text: str) -> str:
    if _words(text).startswith("-") or ("/" in text and not text.startswith("/")):
        raise ValueError("expected the name of a program, or an absolute path")
    return text


def _address(text: str) -> str:
    if (re.fullmatch(_HOST, text) and len(text) <= 253) or _is_ipv6(text):
        return text
    raise ValueError("expected a host's name or IP address, and nothing else")


def _is_ipv6(text: str) -> bool:
    try:
        return IPv6Address(text).scope_id is None  # ssh_config gives % a meaning of its own
    except ValueError:
        return False


def _http_url(text: str) -> str:
    expected = "expected http://host:port or https://host:port, without a login, a query or a fragment"
    try:
        parts = urlsplit(_words(text))
        port, name = parts.port, parts.hostname or ""
        _address(name)
    except ValueError:
        raise ValueError(expected) from None
    strange = set("@?#\\ ") & set(text) or not text.isascii()
    if parts.scheme not in ("http", "https") or port == 0 or strange:
        raise ValueError(expected)
    return text


def _pattern(text: str) -> str:
    if fault := fault_of(_about_secrets(text)):
        raise ValueError(fault)
    return text


def _day(value: object) -> object:
    """A date as TOML has it: one with a time of day would seem to end before its day does."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise ValueError("expected a date without quotes, as 2026-12-24")


def _from_text(kind: Callable[[str], object], expected: str) -> BeforeValidator:
    """For what its own type would also make of a number."""

    def read(value: object) -> object:
        if isinstance(value, IPv4Address):  # a default
            return value
        try:
            if isinstance(value, str):
                return kind(value)
        except ValueError:
            pass
        raise ValueError(f"expected {expected}")

    return BeforeValidator(read)


Flag = Annotated[bool, Strict()]
Day = Annotated[date, BeforeValidator(_day)]
Count = Annotated[int, Strict(), Field(ge=0, le=1_000_000)]
Port = Annotated[int, Strict(), Field(ge=1, le=65535)]
Mebibytes = Annotated[int, Strict(), Field(ge=0, le=1 << 30)]
Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Seconds = Annotated[Number, Field(gt=0, le=3600)]
LongSeconds = Annotated[Number, Field(gt=0, le=366 * 86400)]

Line = Annotated[str, AfterValidator(_line)]
Text = Annotated[str, AfterValidator(_words)]
Name = Annotated[Text, Field(max_length=200)]
Pattern = Annotated[str, AfterValidator(_pattern)]
Selector = Annotated[str, AfterValidator(_about_secrets)]
"""Finds an element of a web page."""
Reason = Annotated[str, AfterValidator(_about_secrets)]
"""Said to whoever reads the verdict."""

AbsolutePath = Annotated[str, AfterValidator(_absolute)]
"""A path on the host or in a guest."""
LocalPath = Annotated[Path, BeforeValidator(_own_path), AfterValidator(_expanded)]
"""A path on the machine where the suite runs."""
SecretsFile = Annotated[LocalPath, BeforeValidator(_names_a_file)]
"""A path that begins as one, for a password is a relative path, too."""
SshPath = Annotated[LocalPath, AfterValidator(_for_ssh)]
Program = Annotated[str, AfterValidator(_program)]

Address = Annotated[Text, AfterValidator(_address)]
Login = Annotated[Text, _Shape(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,63}\$?", "the name of a user")]
HostPort = Annotated[
    Text,
    _Shape(
        r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}):([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])",
        "a host and a port, as cdn.example:443",
    ),
]
HostAlias = Annotated[Text, _Shape(r"[A-Za-z0-9_\[:][A-Za-z0-9_.:\[\]-]{0,252}", "a host's name")]
Device = Annotated[
    Text, _Shape(r"[A-Za-z0-9_.][A-Za-z0-9_.-]{0,14}", "a network device's name of at most 15 characters")
]
Unit = Annotated[Text, _Shape(r"[A-Za-z0-9_:][A-Za-z0-9_:.@\\-]{0,254}", "the name of a systemd unit")]
Word = Annotated[Text, _Shape(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", "a word of letters, digits, _ . and -")]
Version = Annotated[Text, _Shape(r"[0-9][0-9A-Za-z.+~-]{0,30}", "the beginning of a version, as 1.7")]
Relation = Annotated[Text, Field(max_length=63)]
"""A table or schema of the database."""
Variable = Annotated[Text, _Shape(r"[A-Za-z_][A-Za-z0-9_]{0,127}", "the name of an environment variable")]
CheckName = Annotated[
    Text, _Shape(r"[A-Za-z0-9_.]{1,100}(\[.{1,200}\])?", "a check's name, as docs/checks.md has it")
]
ItemKey = Annotated[
    Text, _Shape(r"[a-z][a-z0-9-]{0,39}", "a key of small letters, digits and -, as backup-is-fresh")
]
SecretsVariable = Annotated[str, AfterValidator(_names_a_variable)]
Mac = Annotated[Text, _Shape(r"([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}", "a MAC address, as 06:00:c0:a8:64:02")]
Uuid = Annotated[Text, _Shape(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "a UUID in lower case")]
HexColour = Annotated[Text, _Shape(r"#[0-9a-f]{6}", "a colour as #rrggbb, in lower case")]

HttpUrl = Annotated[str, AfterValidator(_http_url)]
UrlPath = Annotated[Text, _Shape(r"/[!\"$-~]*", "a path of a URL: /like/this")]
SessionPath = Annotated[UrlPath, _Shape(r"/.*\{session\}.*", "a path of a URL with {session} in it")]
Ipv4 = Annotated[IPv4Address, _from_text(IPv4Address, "an IPv4 address, as 192.168.100.2")]
Ipv4Network = Annotated[
    IPv4Interface, _from_text(IPv4Interface, "an IPv4 address with its network, as 192.168.100.1/24")
]
