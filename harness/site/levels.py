"""How services write the level of a line of their logs: the pattern of an error, where a profile has none."""

from __future__ import annotations

_NAMES = "(?i:error|err|fatal|critical|crit|panic|alert|emerg)"

ERROR_PATTERN = "|".join(
    (
        r"(?m:^|\W)(ERROR|FATAL|CRITICAL)(\]|[:\s]|$)",  # winston, log4j; [SERVER-ERROR] too, NO_ERROR not
        r"\[\s*(?i:error|fatal|critical)\s*\]",
        rf'"(level|severity|lvl|levelname|log\.level)"\s*:\s*("{_NAMES}"|[56]0\b)',  # pino has numbers
        rf'\b(level|severity|lvl)="?{_NAMES}\b',
        # At the head of a line, behind a time at most: what Node prints of an error, winston's simple format.
        r"(?m:^)[^A-Za-z]*(T[^A-Za-z]*)?((Z|UTC)[^A-Za-z]*)?"
        r"(Uncaught )?(\w*Error|error)( \[\w+\])?(:|(?m:$))",
    )
)
