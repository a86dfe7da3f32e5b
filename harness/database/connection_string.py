"""The site's connection string, taken apart; what can be read in two ways is refused, and never quoted."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import psycopg
from psycopg.conninfo import conninfo_to_dict

from harness.database.leg import is_loopback, is_socket
from harness.errors import SiteError
from harness.redact import remember
from harness.site.profile import DatabaseSection
from harness.site.secrets import secret

_SECRETS = ("password", "sslpassword")
_URI = re.compile(r"postgres(?:ql)?://(?P<authority>[^/?#]*)(?P<rest>.*)", re.DOTALL)
_HOST = re.compile(r"[\w.:%-]+|[/@][^\x00-\x1f]*")
_PORT = re.compile(r"[0-9]{1,5}")


@dataclass(frozen=True)
class ConnectionString:
    """Where the database is, and who we are there; as text, it never shows the password."""

    parameters: dict[str, str] = field(repr=False)
    shown: str

    def __str__(self) -> str:
        return self.shown

    @property
    def host(self) -> str:
        """Host name, address or socket directory; one only."""
        return self.parameters.get("host") or self.parameters.get("hostaddr", "")

    @property
    def address(self) -> str:
        """Where the bytes go: `host` is then only the name that a certificate is held to."""
        return self.parameters.get("hostaddr") or self.host

    @property
    def port(self) -> str:
        """The server's port."""
        return self.parameters.get("port", "5432")

    @property
    def local(self) -> bool:
        """Whether the bytes stay on the machine that the string is for, as it says itself.

        One that names no host does not say so: then libpq looks into its environment.
        """
        return is_socket(self.address) or is_loopback(self.address)


def connection_string_of(settings: DatabaseSection) -> ConnectionString:
    """The connection string of the site, taken apart.

    :raises SiteError: none is given, or it cannot be read. It is not quoted: it holds the password.
    """
    where = " or ".join(str(source) for source in (settings.url_env, settings.url_file) if source)
    text = remember(secret(settings.url_env, settings.url_file, what="the database")).strip()
    parameters = _taken_apart(text) if _has_one_meaning(text) else None
    if parameters is None or not _names_one_server(parameters):
        raise SiteError(
            f"the connection string in {where} cannot be read (not shown: it holds the password)",
            hint="postgresql://user:password@host:5432/database, one host; in user and password write "
            "@ as %40, / as %2F, ? as %3F, # as %23, % as %25",
        )
    for name in _SECRETS:
        remember(parameters.get(name, ""))
    name = f"{parameters.get('user', '?')}@{parameters.get('host') or 'the local socket'}"
    shown = f"database {name}:{parameters.get('port', '5432')}/{parameters.get('dbname', '')} (from {where})"
    return ConnectionString(parameters, shown)


def _has_one_meaning(text: str) -> bool:
    """Whether no reader could take a part of the password for something else, and show it.

    A raw ``@``, ``/``, ``?`` or ``#`` in it ends it early: the rest becomes a host, a port or a database,
    which libpq and we name in errors.
    """
    uri = _URI.fullmatch(text)
    if uri is None:  # libpq's "host=… password=…"
        return True
    return uri["authority"].count("@") <= 1 and not {"@", "#"} & set(uri["rest"])


def _taken_apart(text: str) -> dict[str, str] | None:
    try:
        return {name: str(value) for name, value in conninfo_to_dict(text).items() if value is not None}
    except (psycopg.Error, UnicodeError):
        return None


def _names_one_server(parameters: dict[str, str]) -> bool:
    hosts = (parameters.get(name) for name in ("host", "hostaddr"))
    names = (parameters.get(name, "") for name in ("user", "dbname"))
    return (
        all(_HOST.fullmatch(host) and "," not in host for host in hosts if host)
        and _PORT.fullmatch(parameters.get("port") or "5432") is not None
        and all("://" not in name and name.isprintable() for name in names)
    )
