"""What was typed, held to the profile's own kinds before anybody is asked."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from harness.errors import UsageError
from harness.site.profile import DatabaseSection, GuestSection, HostSection, Site, VmmSection

_LOGIN = re.compile(
    r"(?P<user>[^@]+)@(?:\[(?P<bracketed>[^@\[\]]+)\](?::(?P<its_port>\d+))?"
    r"|(?P<ipv6>[0-9A-Fa-f]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f.]*)"
    r"|(?P<address>[^@:\[\]]+)(?::(?P<port>\d+))?)"
)
"""An address with colons in it has a port only where it is in brackets."""
_WAY = ("identity_file", "known_hosts_file", "host_key_alias", "proxy_command")
_Model = TypeVar("_Model", bound=BaseModel)


def host_of(args: argparse.Namespace) -> dict[str, object]:
    """What the profile says of the way to the host.

    :raises UsageError: it is no way to one.
    """
    if args.host == "local":
        return {"transport": "local"}
    match = _LOGIN.fullmatch(args.host)
    if match is None:
        raise UsageError(
            f"--host={args.host}: expected user@address", hint="--host=polydev@192.168.10.133, or local"
        )
    port = match["port"] or match["its_port"]
    return {
        "address": match["address"] or match["bracketed"] or match["ipv6"],
        "user": match["user"],
        **({"port": int(port)} if port else {}),
        **{name: value for name in _WAY if (value := getattr(args, name))},
    }


def site_of(args: argparse.Namespace, given: Mapping[str, object]) -> Site:
    """A profile of nothing but the way to the host, for whoever asks it.

    :raises UsageError: a profile could not have something that was typed. It is not quoted: a password may
        stand in the place of its variable's name.
    """
    host = _held(HostSection, given, {})
    if args.guest_key:
        _held(GuestSection, {"identity_file": args.guest_key}, {"identity_file": "guest-key"})
    if args.database_url_env:
        _held(DatabaseSection, {"url_env": args.database_url_env}, {"url_env": "database-url-env"})
    called = {"process_name": args.process_name, "binary": args.process_name}
    vmm = _held(VmmSection, called, dict.fromkeys(called, "process-name"))
    name = args.name or host.address or "this machine"
    return _held(Site, {"name": name, "host": host, "vmm": vmm}, {})


def public_half(key: str | None) -> str:
    """The public half of a key, where it lies beside it."""
    try:
        text = Path(f"{key}.pub").expanduser().read_text(encoding="utf-8") if key else ""
    except (OSError, ValueError):
        return ""
    return text if len(text.split()) > 1 else ""


def _held(model: type[_Model], values: Mapping[str, object], options: Mapping[str, str]) -> _Model:
    """:param options: what a field is called on the command line, where otherwise."""
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        faults = "; ".join(
            f"--{options.get(str(one['loc'][-1]), str(one['loc'][-1])).replace('_', '-')}: "
            f"{one['msg'].removeprefix('Value error, ')}"
            for one in error.errors(include_url=False, include_input=False)
        )
        raise UsageError(faults, hint="python -m harness site init --help") from None
