"""Many commands in one round trip, side by side; each keeps its own status and both of its outputs."""

from __future__ import annotations

import re
import secrets
import shlex
from collections.abc import Sequence

from harness.errors import TransportError
from harness.infra.host import Host
from harness.run import Result
from harness.text import ending

_HEAD = """\
work=$(mktemp -d /run/acceptance.XXXXXX 2>/dev/null) || work=$(mktemp -d /tmp/acceptance.XXXXXX) || exit 1
case $work in /run/acceptance.?????? | /tmp/acceptance.??????) ;; *) exit 1 ;; esac
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
"""
_ONE = (
    "{{ ( eval {command} ) </dev/null >{mark}.{number}.out 2>{mark}.{number}.err\n"
    "printf %s $? >{mark}.{number}.rc; }} &\n"
)
_TAIL = "wait\ntail -v -n +1 {files}\n"


def ask_all(host: Host, commands: Sequence[str], *, timeout_s: float) -> dict[str, Result]:
    """The answer to each command. They share the machine's processors, but no state: each is in a shell
    of its own, in a folder that goes afterwards: in memory where it can be, so that no disk is written.

    :raises TransportError: there were no answers, or not all of them.
    """
    mark = secrets.token_hex(8)
    done = host.backend.ask(_script(commands, mark), timeout_s=timeout_s)
    texts = _files(done.stdout, mark)
    try:
        return {
            command: Result(
                (command,),
                int(texts[f"{mark}.{number}.rc"]),
                texts[f"{mark}.{number}.out"],
                texts[f"{mark}.{number}.err"],
            )
            for number, command in enumerate(commands)
        }
    except (KeyError, ValueError) as error:
        # Not what was printed: a unit's environment may be in that.
        raise TransportError(
            f"in {host.name}: {len(commands)} questions were not all answered (status {done.status}): "
            f"{ending(done.stderr.strip(), 500)}",
            hint="is there room in /run and /tmp, and are mktemp and tail there?",
        ) from error


def _script(commands: Sequence[str], mark: str) -> str:
    lines = [
        _ONE.format(command=shlex.quote(command), mark=mark, number=number)
        for number, command in enumerate(commands)
    ]
    kinds = ("rc", "out", "err")
    files = [f"{mark}.{number}.{kind}" for number in range(len(commands)) for kind in kinds]
    return _HEAD + "".join(lines) + _TAIL.format(files=" ".join(files))


def _files(text: str, mark: str) -> dict[str, str]:
    """What ``tail -v`` printed, by file: behind a head the file as it is, then a newline before the next."""
    parts = re.split(rf"^==> ({mark}\.\d+\.\w+) <==\n", text, flags=re.MULTILINE)
    names, contents = parts[1::2], parts[2::2]
    last = len(contents) - 1
    return {
        name: content if number == last else content.removesuffix("\n")
        for number, (name, content) in enumerate(zip(names, contents, strict=True))
    }
