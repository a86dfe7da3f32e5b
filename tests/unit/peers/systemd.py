"""A systemd that is none: it starts one program again and again, with the settings of our drop-in."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.run import Result

_SYSTEMCTL = """#!/bin/sh
cd {folder}
case $1 in
restart)
    (
        set -a; {environment}
        . run/zzz-acceptance.env
        while [ ! -e stopped ]; do
            {words} >>said 2>&1 </dev/null & echo $! >main
            wait $!; code=$?
            read -r up _ </proc/uptime
            printf '{{"__MONOTONIC_TIMESTAMP":"%s0000","EXIT_CODE":"exited","EXIT_STATUS":"%s"}}\\n' \\
                "${{up%.*}}${{up#*.}}" "$code" >>journal
        done
    ) >/dev/null 2>&1 </dev/null &
    ;;
kill) kill -s KILL "$(cat main)" ;;
stop) : >stopped; kill -s KILL "$(cat main)" ;;
esac
exit 0
"""
_JOURNALCTL = "#!/bin/sh\n[ ! -e {folder}/journal ] || cat {folder}/journal\n"


class Systemd:
    """A context manager: what it started ends with it.

    :param folder: where its program is, and what stands for /run.
    """

    def __init__(self, folder: Path, words: Sequence[str], environment: Mapping[str, str]) -> None:
        self.folder = folder
        (folder / "run").mkdir()
        (folder / "bin").mkdir()
        settings = "; ".join(f"{name}={shlex.quote(value)}" for name, value in environment.items()) or ":"
        for name, text in {"systemctl": _SYSTEMCTL, "journalctl": _JOURNALCTL}.items():
            program = folder / "bin" / name
            program.write_text(text.format(folder=folder, words=shlex.join(words), environment=settings))
            program.chmod(0o755)
        self._started: list[int] = []

    def script(self, text: str, *, timeout_s: float) -> Result:
        """A shell script, with these programs before all others."""
        text = text.replace("/run/", f"{self.folder}/run/")
        env = {"PATH": f"{self.folder}/bin:{os.environ['PATH']}"}
        process = subprocess.Popen(
            ["sh", "-c", text],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._started.append(process.pid)
        stdout, stderr = process.communicate(timeout=timeout_s)
        return Result(("sh",), process.returncode, stdout, stderr)

    def __enter__(self) -> Systemd:
        return self

    def __exit__(self, *_: object) -> None:
        for pid in self._started:
            try:
                os.killpg(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
