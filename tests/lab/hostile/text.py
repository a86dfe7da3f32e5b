"""Text that somebody would take for something to do."""

from __future__ import annotations

NASTY = (
    "\x1b]52;c;cm0gLXJm\x07\x1b[31m\x1b]8;;http://evil\x07\u202egpj.exe\u200b\x9b2J"
    "$(reboot)`reboot`'\"\\[red]"
)
"""What a terminal, a shell, SQL and a report's markup would each take for something to do."""
