"""What is sent to the host: the custodian's modules as one Python program, and the command that reads it."""

from __future__ import annotations

import json
from importlib import resources

# In the order in which each needs the ones before.
MODULES = (
    "limits",
    "netns",
    "names",
    "notes",
    "owner",
    "exchange",
    "launches",
    "sessions",
    "reaper",
    "unheard",
    "pages",
    "relay",
    "mute",
    "script",
    "logs",
    "cell",
    "holding",
    "kept",
    "keeper",
    "front",
    "requests",
    "service",
)

OLDEST = (3, 9)
TOO_OLD = "the suite needs Python 3.9 or newer, and this is"
NEW_ENOUGH = f"import sys;sys.version_info<{OLDEST}and sys.exit('{TOO_OLD} '+sys.version);"
"""What a program begins with that an older Python cannot even read."""

_LOADER = """
import json, linecache, sys, types
room = "harness.custodian"
for name in ("harness", room):
    package = types.ModuleType(name)
    package.__path__ = []
    sys.modules[name] = package
sys.modules["harness"].custodian = package
for name, source in json.loads(SOURCES):
    module = types.ModuleType(room + "." + name)
    sys.modules[module.__name__] = module
    setattr(package, name, module)
    file = "<" + module.__name__ + ">"
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    exec(compile(source, file, "exec"), module.__dict__)
module.main(*sys.argv[2:])
"""


def program() -> bytes:
    """The custodian as one Python program."""
    here = resources.files("harness") / "custodian"
    sources = [(name, (here / f"{name}.py").read_text(encoding="utf-8")) for name in MODULES]
    return f"SOURCES = {json.dumps(sources)!r}\n{_LOADER}".encode()


def command(size: int, run: str, disks: str, *how: str) -> list[str]:
    """What starts it on the host: reads the program of ``size`` bytes from stdin, then runs it.

    :param how: as ``harness.custodian.service.main`` takes it.
    """
    boot = f"{NEW_ENOUGH}exec(compile(sys.stdin.buffer.read(int(sys.argv[1])),'custodian','exec'))"
    return ["python3", "-I", "-S", "-c", boot, str(size), run, disks, *how]
