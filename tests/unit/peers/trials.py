"""A trial as a guest has it, here: a program started by a real Node.js again and again, under the preload."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.guest.preload import program
from harness.guest.runtime import AgentRuntime
from harness.guest.trial import CROWD, ROWS, SERVER_ERROR, Row, read_trial, settings
from tests.unit.peers.ports import free_port

FEW = (
    SERVER_ERROR,
    *(row for row in ROWS if row.what in {"Error", "undefined", CROWD}),
)
"""Rows enough for most; all of them are tried on some."""
NODE = shutil.which("node") or "node"
_STUCK_S, _LONG_S = 5.0, 60.0


def laid_down(folder: Path, port: int, rows: Sequence[Row], within_s: float) -> dict[str, str]:
    """The preload, as it lies in a guest; returns the environment that loads it."""
    place = folder / "preload"
    shutil.rmtree(place, ignore_errors=True)
    for name in ("records", "rows", "alive", "crowds"):
        (place / name).mkdir(parents=True)
    (place / "preload.cjs").write_text(program())
    (place / "settings.json").write_text(
        settings(port, "/health", "acceptance probe", rows=rows, within_s=within_s)
    )
    return {"NODE_OPTIONS": f"--require {place}/preload.cjs"}


def tried(
    folder: Path,
    words: Sequence[str],
    *,
    rows: Sequence[Row] = FEW,
    within_s: float = 1.5,
    port: int | None = None,
    supervised: bool = False,
    sticks: bool = False,
) -> AgentRuntime:
    """Start a program until every row has been tried in it, as systemd would, and read what it left.

    :param words: what is run; its port is in the environment as ``PORT``.
    :param supervised: the one that is started here is not the agent itself.
    :param sticks: it is given up soon where nothing happens; on a busy machine others may need long.
    """
    port = port or free_port()
    loads = laid_down(folder, port, rows, within_s)
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "PORT": str(port), **loads}
    exits: list[str] = []
    stuck: list[str] = []
    place = folder / "preload"
    for _ in range(2 * len(rows)):
        with (folder / "said").open("ab") as said:
            process = subprocess.Popen(
                words,
                cwd=folder,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        if (status := _waited_for(process, place, _STUCK_S if sticks else _LONG_S)) is None:
            stuck.append(max((place / "rows").iterdir(), key=lambda one: one.stat().st_mtime).name)
            (place / "alive" / stuck[-1]).touch()
            status = -signal.SIGKILL
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        exits.append(_as_journal(status))
        if (place / "alive" / "last").exists() or not list((place / "rows").iterdir()):
            break
    records = list(_records(place, parent=0 if supervised else 1))
    text = "\n".join([*(f"J {one}" for one in exits), *(f"K {one}" for one in stuck), *records])
    return AgentRuntime(port, None, "nobody was asked", read_trial(text))


def _waited_for(process: subprocess.Popen[bytes], place: Path, limit_s: float) -> int | None:
    """The exit status; None where nothing happened for too long.

    As in a guest, nobody waits for more than the last row's process, whatever its supervisor starts then.
    """
    taken, since = 0, time.monotonic()
    while (status := process.poll()) is None:
        time.sleep(0.02)
        now = len(list((place / "rows").iterdir()))
        taken, since = now, time.monotonic() if now > taken else since
        last = place / "alive" / "last"
        if last.exists() and (pid := last.read_text().strip()) and not _runs(pid):
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(timeout=0.5)
            return 0
        if time.monotonic() - since > limit_s:
            return None
    return status


def _runs(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _as_journal(status: int) -> str:
    code = {"EXIT_CODE": "killed" if status < 0 else "exited", "EXIT_STATUS": str(abs(status))}
    return json.dumps({"__MONOTONIC_TIMESTAMP": str(int(time.monotonic() * 1e6)), **code})


def _records(place: Path, *, parent: int) -> Iterator[str]:
    """What was left, with another parent: in a guest it is systemd."""
    for file in sorted((place / "records").iterdir(), key=lambda one: one.stat().st_mtime):
        for line in file.read_text().splitlines():
            told = json.loads(line)
            if "ppid" in told:
                told["ppid"] = parent
            yield f"R {json.dumps(told, separators=(',', ':'))}"
