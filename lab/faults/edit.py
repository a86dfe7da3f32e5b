"""Shell that edits files of a guest, and fails where what it looks for is not there."""

from __future__ import annotations

import json
import shlex

AGENT = "/root/vm-browser-agent"
UNIT = "browser-vm-auth.service"
UNIT_FILE = f"/etc/systemd/system/{UNIT}"

_EDIT = """
import json, pathlib, sys
path, pairs = pathlib.Path(sys.argv[1]), json.loads(sys.argv[2])
text = path.read_text()
for old, new in pairs:
    if old not in text:
        sys.exit(f"{path}: there is no {old!r}")
    text = text.replace(old, new)
path.write_text(text)
"""


def edited(path: str, *pairs: tuple[str, str]) -> str:
    """Shell that replaces, in a file, every occurrence of each pair's first text by its second."""
    return shlex.join(["python3", "-S", "-c", _EDIT, path, json.dumps(pairs)]) + "\n"


def unit_edited(*pairs: tuple[str, str]) -> str:
    """Shell that edits the agent's unit and has it run by the edited one."""
    return edited(UNIT_FILE, *pairs) + f"systemctl daemon-reload\nsystemctl restart {UNIT}\n"
