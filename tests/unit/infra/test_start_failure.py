# ruff: noqa: E501 -- a table of one-line programs reads best unbroken
"""Why a service did not start: real failures of a real Node.js, as a journal has them."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from harness.infra.start_failure import first_error, first_error_in, said_in
from tests.unit.peers.ports import free_port

HEAD = "Jan 31 12:00:0{n}.000000 vm {who}: {text}"
SYSTEMD, AGENT = "systemd[1]", "browser-vm-auth[412]"
ENDED = (
    "a.service: Main process exited, code=exited, status=1/FAILURE",
    "a.service: Failed with result 'exit-code'.",
    "a.service: Scheduled restart job, restart counter is at 1.",
)


def journal(*starts: str) -> str:
    """What each start said, and that it ended; the last one's end is still to come."""
    lines = []
    for number, said in enumerate(starts):
        lines += [(SYSTEMD, "Starting the agent..."), (SYSTEMD, "Started the agent.")]
        lines += [(AGENT, line) for line in said.splitlines()]
        lines += [(SYSTEMD, line) for line in ENDED if number + 1 < len(starts)]
    return "\n".join(HEAD.format(n=0, who=who, text=text) for who, text in lines)


def seen(*starts: str) -> str:
    """The first error of the latest."""
    return first_error(said_in(journal(*starts)))


PROGRAMS = {
    "syntax": ("const PORT = = 8080;\n", "SyntaxError: Unexpected token '=' ({file}:1)"),
    "a module that is missing": ("require('express');\n", "Error: Cannot find module 'express'"),
    "a file that is missing": ("require('./gone');\n", "Error: Cannot find module './gone'"),
    "thrown at once": ("\nthrow new Error('no settings');\n", "Error: no settings ({file}:2)"),
    "thrown in a class": ("class NoSettings extends Error { name = 'NoSettingsError'; }\nthrow new NoSettings('x')", "NoSettings [NoSettingsError]: x"),
    "an odd name": ("undefined_name();\n", "ReferenceError: undefined_name is not defined ({file}:1)"),
    "rejected": ("Promise.reject(new TypeError('odd'));\n", "TypeError: odd ({file}:1)"),
    "rejected with a text": ("Promise.reject('odd');\n", "UnhandledPromiseRejection: This error originated"),
    "a port that is taken": ("require('http').createServer().listen(PORT);\n", "Error: listen EADDRINUSE: address already in use :::PORT"),
    "its own words": ("console.error('[FATAL] Uncaught Exception:', new Error('probe')); process.exit(1)", "[FATAL] Uncaught Exception: Error: probe"),
    "an error of the server": ("console.log('up'); console.error('[SERVER-ERROR] Failed to start server:', new Error('listen EACCES'))", "[SERVER-ERROR] Failed to start server: Error: listen EACCES"),
    "a module in a script": ("import http from 'node:httpx';\n", "Error [ERR_UNKNOWN_BUILTIN_MODULE]: No such built-in module"),
    "no file of its": ("require('fs').readFileSync('/none/key.pem');\n", "Error: ENOENT: no such file or directory, open '/none/key.pem'"),
    "no memory": ("const all = []; for (;;) all.push(new Array(1e6).fill({}));", "FATAL ERROR: "),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_error_of_a_program_that_does_not_start_is_found(tmp_path: Path, name: str) -> None:
    program, expected = PROGRAMS[name]
    file = tmp_path / ("server.mjs" if "import" in program else "server.js")
    port = free_port()
    file.write_text(program.replace("PORT)", f"{port})"))
    words = ["node", *(["--max-old-space-size=20"] if name == "no memory" else []), str(file)]
    if "taken" in name:
        hold = f"require('http').createServer().listen({port}, () => console.log('up'))"
        with subprocess.Popen(["node", "-e", hold], stdout=subprocess.PIPE) as holder:
            assert holder.stdout is not None
            holder.stdout.readline()
            done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
            holder.kill()
    else:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    said = done.stdout + done.stderr
    assert seen(said).startswith(expected.format(file=file).replace(":PORT", f":{port}")), said


OTHERS = {
    "no node": (
        "(node)[99]",
        "a.service: Failed to locate executable /usr/bin/node: No such file or directory",
    ),
    "no execution": (SYSTEMD, "a.service: Failed at step EXEC spawning /opt/node: Permission denied"),
    "a library": (AGENT, "/opt/node: error while loading shared libraries: libatomic.so.1: cannot open"),
    "an option": (AGENT, "/usr/bin/node: bad option: --no-such"),
    "env": (AGENT, "env: 'node': No such file or directory"),
    "npm": (AGENT, "npm ERR! code ENOENT"),
    "a crash": (AGENT, "Segmentation fault (core dumped)"),
    "Rust": (AGENT, "thread 'main' panicked at src/main.rs:4:5:"),
}


@pytest.mark.parametrize(("who", "text"), OTHERS.values(), ids=OTHERS)
def test_what_keeps_node_itself_from_starting_is_found(who: str, text: str) -> None:
    lines = [(SYSTEMD, "Started the agent."), (who, text), (AGENT, "and so on"), (SYSTEMD, ENDED[0])]
    told = "\n".join(HEAD.format(n=1, who=one, text=said) for one, said in lines)
    assert first_error(said_in(told)) == text


def test_the_latest_start_counts() -> None:
    """If it has said anything; what it warns of is no error, nor is the source that Node.js shows."""
    old, new = (
        "Error: old",
        "(node:7) Warning: Error: of old\nthrow new Error(`Error: ${x}`)\n      ^\n\nRangeError: new",
    )
    assert seen(old, new) == "RangeError: new"
    assert seen(old, "") == "Error: old"
    assert seen(old, "", "") == "Error: old"
    assert seen(old, "[SERVER] listening on port 8080") == ""
    assert seen("[INFO] no error: all is well\n[WARN] an Exception in a name") == ""


def test_a_journal_that_was_cut_at_its_head_is_read() -> None:
    """The start itself is no longer in it."""
    told = journal("x\nError: late").split("\n", 2)[2]
    assert first_error(said_in(told)) == "Error: late"
    assert first_error(said_in("")) == ""


def test_what_a_program_printed_is_read_alike() -> None:
    told = "/a/server.js:7\nconst = 1;\n      ^\n\nSyntaxError: Unexpected token '='\n    at x"
    assert first_error_in(told.split("\n")) == "SyntaxError: Unexpected token '=' (/a/server.js:7)"


@pytest.mark.parametrize(
    "text", ["x" * 200_000, "_" * 200_000, "Error [" * 40_000, "^" * 200_000, "/a:" * 70_000]
)
def test_no_line_takes_long(text: str) -> None:
    began = time.process_time()
    first_error(said_in("\n".join([text] * 10)))
    assert time.process_time() - began < 2
