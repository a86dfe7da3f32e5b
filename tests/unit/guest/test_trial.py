"""The trial's shell, run with a real Node.js by a systemd that is made up; and what it tells, read."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from harness.errors import TransportError, UnreadableError
from harness.guest import trial as trials
from harness.guest.endings import endings
from harness.guest.trial import ROWS, SERVER_ERROR, Row, Trial, read_trial, try_handlers
from harness.run import Result
from harness.site.profile import Site
from tests.unit.peers.agents import HANDLERS, SERVE
from tests.unit.peers.ports import free_port
from tests.unit.peers.small_vm import SmallVm
from tests.unit.peers.systemd import Systemd

TWO = (SERVER_ERROR, next(row for row in ROWS if row.crowd))


class Guest(SmallVm):
    """A VM whose /run is a folder here, and whose systemd is made up."""

    def __init__(self, systemd: Systemd, site: Site) -> None:
        super().__init__(systemd.folder / "agent", site)
        self.systemd = systemd

    def script(self, text: str, *, timeout_s: float) -> Result:
        """What a shell here makes of it."""
        return self.systemd.script(text, timeout_s=timeout_s)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rows, and little patience."""
    monkeypatch.setattr(trials, "ROWS", TWO)
    monkeypatch.setattr("harness.guest.endings.ROWS", TWO)
    monkeypatch.setattr(trials, "EXIT_S", 3.0)
    monkeypatch.setattr(trials.settings, "__kwdefaults__", {"rows": TWO})


def tried(folder: Path, program: str, *, recovery_s: float = 60) -> Trial:
    """The trial of a program."""
    port = free_port()
    (folder / "server.js").write_text(program)
    profile = {"name": "nowhere", "agent": {"port": port}, "guest": {"recovery_s": recovery_s}}
    with Systemd(folder, ("node", str(folder / "server.js")), {"PORT": str(port)}) as systemd:
        return try_handlers(
            Guest(systemd, Site.model_validate(profile)), "probe", node_options="--no-warnings"
        )


@pytest.mark.usefixtures("few")
def test_each_row_is_carried_out_and_its_end_is_told(tmp_path: Path) -> None:
    """The agent keeps the options that it had, and its settings, and is not left running."""
    keeps = "if (!process.env.NODE_OPTIONS.endsWith(' --no-warnings')) process.exit(9);\n"
    seen = tried(tmp_path, f"{keeps}{HANDLERS}{SERVE}")
    assert [one.ok for one in endings(seen, {"emitted", "thrown"})] == [True, True]
    assert [one.status for one in seen.exits][:2] == ["1", "1"]


@pytest.mark.usefixtures("few")
def test_a_process_that_hangs_is_ended(tmp_path: Path) -> None:
    """Nothing in it could end it, and the rest is tried nevertheless."""
    hangs = "const server = {};\nprocess.on('uncaughtException', () => { for (;;); });\n"
    seen = tried(tmp_path, hangs + SERVE.replace("const server", "const s2").replace("server.", "s2."))
    assert seen.stuck == {str(TWO[1])}
    assert [(one.ok, one.told.partition(",")[0]) for one in endings(seen, {"thrown"})] == [(False, "it hung")]


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize(
    "program", ["const = 1;", "setInterval(() => {}, 1000);", "require('net').createServer().listen(0);"]
)
def test_an_agent_that_never_listens_has_not_been_tried(tmp_path: Path, program: str) -> None:
    """And is not waited for any longer than a recovery may take."""
    seen = tried(tmp_path, program, recovery_s=1)
    assert seen.listened(8080) is None
    assert [one.ok for one in endings(seen, {"emitted", "thrown"})] == [None, None]


@pytest.mark.usefixtures("few")
def test_the_time_for_all_rows_is_that_of_many_starts_like_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where that is longer than some recoveries may take: as many as there are would be cut off else."""
    monkeypatch.setattr(trials, "_RECOVERIES", 0)
    assert [one.ok for one in endings(tried(tmp_path, f"{HANDLERS}{SERVE}"), {"thrown"})] == [True]


def test_a_guest_without_systemd_is_our_trouble(tmp_path: Path) -> None:
    with Systemd(tmp_path, ("true",), {}) as systemd:
        (tmp_path / "bin/systemctl").write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / "bin/journalctl").write_text("#!/bin/sh\nexit 1\n")
        profile = {"name": "nowhere", "guest": {"recovery_s": 1}}
        with pytest.raises(TransportError, match="could not be started under a preload"):
            try_handlers(Guest(systemd, Site.model_validate(profile)), "probe")


def record(kind: str, pid: int, at_s: float, **told: object) -> str:
    """A line of the guest about what a process did."""
    line = {"kind": kind, "pid": pid, "thread": 0, "at": at_s, **told}
    return f"R {json.dumps(line, separators=(',', ':'))}"


def started(pid: int, at_s: float, *, parent: int = 1) -> str:
    """Its first."""
    return record("start", pid, at_s, ppid=parent)


def thrown(pid: int, at_s: float) -> str:
    """That a row was carried out in it."""
    return record("tried", pid, at_s, row=ROW, handlers={}, errors=1)


ROW = str(ROWS[3])


def told(*lines: str) -> Trial:
    """A trial of which the guest told this."""
    return read_trial("\n".join(lines))


def exit_at(at_s: float, code: str, status: str) -> str:
    """systemd's line about an end."""
    return f'J {{"__MONOTONIC_TIMESTAMP":"{at_s * 1e6:.0f}","EXIT_CODE":"{code}","EXIT_STATUS":"{status}"}}'


@pytest.mark.parametrize(
    ("code", "status", "after_s", "ok", "said"),
    [
        ("exited", "1", 1, True, "exit code 1"),
        ("exited", "0", 1, False, "exit code 0"),
        ("exited", "255", 1, True, "exit code 255"),
        ("killed", "6", 1, True, "killed by signal 6"),
        ("dumped", "6", 1, True, "killed by signal 6"),
        ("exited", "1", 9, False, "exit code 1, but only after 9.0 s"),
    ],
)
def test_what_systemd_saw_decides(code: str, status: str, after_s: float, ok: bool, said: str) -> None:
    """Whatever the process said of itself; and an end of another one is not its own."""
    own = record("ends", 7, 20 + after_s, code="0" if status == "1" else "1")
    exits = (exit_at(15, "exited", "7"), exit_at(20.1 + after_s, code, status), exit_at(50, "exited", "8"))
    seen = told(*exits, started(7, 10), thrown(7, 20), own, started(8, 40))
    row = next(one for one in endings(seen, {ROWS[3].way}) if one.row == ROWS[3])
    assert (row.ok, row.told) == (ok, said)


@pytest.mark.parametrize(
    ("code", "ok"), [("1", True), ("-1", True), ("0", False), ("256", False), (None, False)]
)
def test_behind_a_supervisor_its_own_word_decides(code: str | None, ok: bool) -> None:
    """systemd saw how the supervisor ended."""
    own = record("ends", 7, 21, code=code)
    seen = told(exit_at(22, "exited", str(int(not ok))), started(7, 10, parent=6), thrown(7, 20), own)
    assert next(one.ok for one in endings(seen, {ROWS[3].way}) if one.row == ROWS[3]) is ok


@pytest.mark.parametrize("parent", [1, 6])
def test_a_row_that_was_under_way_at_the_end_was_not_tried(parent: int) -> None:
    """Neither a failure nor, behind a supervisor, an end without a word."""
    seen = told(started(7, 10, parent=parent), thrown(7, 20), f"L {ROW}")
    row = next(one for one in endings(seen, {ROWS[3].way}) if one.row == ROWS[3])
    assert (row.ok, row.told) == (
        None,
        "under way when the time for all of it was over (see guest.recovery_s)",
    )


@pytest.mark.parametrize(
    ("code", "said"), [("0", "exit code 0"), (None, "an end that systemd took for a clean one")]
)
def test_an_end_that_systemd_says_nothing_of_is_a_clean_one(code: str | None, said: str) -> None:
    """It tells of those alone that it takes for failures."""
    own = [record("ends", 7, 21, code=code)] if code else []
    seen = told(started(7, 10), thrown(7, 20), *own, started(8, 25), exit_at(30, "exited", "1"))
    row = next(one for one in endings(seen, {ROWS[3].way}) if one.row == ROWS[3])
    assert row.ok is False
    assert row.told.startswith(said)


def test_the_last_line_of_a_process_that_was_killed_may_be_cut() -> None:
    """No other one."""
    cut = 'R {"kind":"tried","pid":7,"thre'
    assert len(told(started(7, 10), cut).processes) == 1
    assert len(told(started(7, 10), cut, started(8, 11)).processes) == 2
    with pytest.raises(UnreadableError, match="a record of the agent's preload"):
        told(cut, thrown(7, 20))


def test_rows_have_names_of_their_own() -> None:
    """They are files' names in the guest."""
    names = [str(row) for row in ROWS]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[\w ,]{1,80}", name) for name in names)
    assert isinstance(ROWS[0], Row)
