# ruff: noqa: E501 -- a program reads best with its lines unbroken
"""The preload changes nothing that a program could notice, and is kept to a syntax that old engines know."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from harness.guest.preload import program, read_records
from tests.unit.peers.trials import FEW, NODE, laid_down

ASKS = """
const net = require('net');
const shape = (one) => [Object.keys(one).sort(), one.eventNames().map(String).sort()];
const named = ['on', 'once', 'off', 'emit', 'exit', 'kill', 'removeAllListeners'].map((name) => [process[name].name, process[name].length]);
const server = net.createServer();
process.once('uncaughtException', () => {});
process.off('uncaughtException', () => {});
console.log(JSON.stringify([
  shape(process), named, shape(server), Object.keys(net.Server.prototype), process.listenerCount('uncaughtException'),
  Error.stackTraceLimit, String(Error.prepareStackTrace), Object.getOwnPropertyNames(Error).sort(),
  process.on('x', () => {}) === process, server.on('error', () => {}) === server, server.listeners('error').length,
]));
try { process.on('uncaughtException', 'no function'); } catch (error) { console.log(error.code); }
try { server.listen(-1); } catch (error) { console.log(error.code); }
process.on('exit', (code) => console.log('exit', code, process.exitCode));
server.listen(0, '127.0.0.1', function () { console.log(this === server, server.address().address); server.close(); });
process.exitCode = 3;
"""
ESM = """
import process, * as all from 'node:process';
console.log(Object.keys(all).sort().join());
await import('node:net');
"""


def said(folder: Path, file: str, *, loaded: bool) -> tuple[int, str]:
    """What a program printed, and its exit code, with the preload or without."""
    env = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    if loaded:
        env |= laid_down(folder, 1, FEW, 1)
    words = [NODE, str(folder / file)]
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(("file", "text"), [("a.js", ASKS), ("a.mjs", ESM)])
def test_a_program_notices_nothing(tmp_path: Path, file: str, text: str) -> None:
    """Neither what it looks like, nor what its methods return, throw and come to."""
    (tmp_path / file).write_text(text)
    with_it, without = said(tmp_path, file, loaded=True), said(tmp_path, file, loaded=False)
    assert with_it == without
    assert list((tmp_path / "preload/records").iterdir()), "it was not loaded"


def test_a_program_that_may_write_no_record_runs_as_well(tmp_path: Path) -> None:
    """The folder is gone, or somebody else's."""
    (tmp_path / "a.js").write_text(ASKS)
    env = {"PATH": os.environ["PATH"], **laid_down(tmp_path, 1, FEW, 1)}
    (tmp_path / "preload/records").rmdir()
    words = [NODE, str(tmp_path / "a.js")]
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (3, said(tmp_path, "a.js", loaded=False)[1])


LATER = {
    "optional catch": r"catch \{",
    "optional chaining": r"\?\.[A-Za-z\[(]",
    "nullish": r"\?\?",
    "spread of objects": r"\{ ?\.\.\.",
    "async": r"\basync\b|\bawait\b",
    "exponents": r"\*\*[^*/]",
    "private": r"\bthis\.#|^\s*#",
    "a comma after the last argument": r",\s*\n\s*\)",
    "methods of later years": r"\.(?:at|flat|flatMap|fromEntries|replaceAll|padStart|entries|values)\(",
}


@pytest.mark.parametrize("pattern", LATER.values(), ids=LATER)
def test_an_old_engine_can_load_it(pattern: str) -> None:
    """Node.js 10 has most of ES2018; what came later is not used."""
    code = "\n".join(line for line in program().splitlines() if not re.match(r"\s*(?://|/?\*)", line))
    assert not re.search(pattern, code, re.MULTILINE)


def test_two_processes_may_have_had_one_pid() -> None:
    """As in a container, where each start is process 1; its threads load the preload, too."""

    def line(kind: str, at: int, thread: int = 0) -> str:
        return f'{{"kind":"{kind}","pid":7,"thread":{thread},"at":{at},"ppid":1}}'

    lines = [
        line("start", 1),
        line("start", 2, thread=1),
        line("tried", 3),
        line("start", 4),
        line("tried", 5),
    ]
    first, second = read_records(lines)
    assert [one.kind for one in first.records] == ["start", "start", "tried"]
    assert [one.at_s for one in second.records] == [4, 5]
