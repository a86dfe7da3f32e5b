"""The agent restarted under other settings, by a drop-in of ours that is gone with its clone."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping

_NAME = "zzz-acceptance"
"""Drop-ins are read in the order of their names, and ours is to have the last word."""
_SPECIAL = re.compile(r'(["\\$`])')


def restarted_with(
    environment: Mapping[str, str], *, service: Iterable[str] = (), unit: Iterable[str] = ()
) -> str:
    """Shell for :func:`harness.guest.agent_state.ask_agent_state`'s ``then``, which restarts the unit.

    What it sets in the environment overrides the unit's own ``Environment=`` and ``EnvironmentFile=``, which
    a plain ``Environment=`` would not. A unit that was started too often is started nevertheless: that limit
    is not what is tried here. What the unit does before a start, which may only wait, is left out.

    :param service: further lines of ``[Service]``.
    :param unit: further lines of ``[Unit]``.
    """
    settings = "".join(f"{name}={_quoted(value)}\n" for name, value in environment.items())
    lines = ["[Unit]", *unit, "[Service]", f"EnvironmentFile=/run/{_NAME}.env", "ExecStartPre=", *service]
    text = "\n".join(lines) + "\n"
    return f"""
        mkdir -p "/run/systemd/system/$unit.d"
        printf %s {shlex.quote(settings)} >/run/{_NAME}.env
        printf %s {shlex.quote(text)} >"/run/systemd/system/$unit.d/{_NAME}.conf"
        systemctl reset-failed "$unit" 2>/dev/null || :
        systemctl daemon-reload && systemctl restart "$unit"
    """


def _quoted(value: str) -> str:
    """A value in double quotes as systemd reads it in a file of settings: what is special is escaped."""
    return '"' + _SPECIAL.sub(r"\\\1", value) + '"'
