"""The history of an evidence folder: a line a run, whoever writes beside us, and whatever lies in it."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.verdict.history import NAME, History
from harness.verdict.past import Past, past_of
from tests.unit.peers.verdicts import document


def past(run: str, **changes: Any) -> Past:
    return past_of(document(run=run, **changes))


def runs(root: Path) -> list[str]:
    return [one.run for one in History(root).newest_first()]


def test_what_is_written_is_read_back_newest_first(tmp_path: Path) -> None:
    for run in ("000001", "000002"):
        History(tmp_path).append(past(run))
    assert [*History(tmp_path).newest_first()] == [past("000002"), past("000001")]
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600


def test_where_there_is_none_there_are_no_runs(tmp_path: Path) -> None:
    assert runs(tmp_path) == []


def test_a_torn_line_is_passed_over_and_takes_no_other_along(tmp_path: Path) -> None:
    file = tmp_path / NAME
    History(tmp_path).append(past("000001"))
    whole = file.read_bytes()
    file.write_bytes(whole + whole[: len(whole) // 2])
    history = History(tmp_path)
    assert [one.run for one in history.newest_first()] == ["000001"]
    assert (history.torn, history.unread) == (True, 1)
    history.append(past("000002"))
    assert [one.run for one in history.newest_first()] == ["000002", "000001"]
    assert (history.torn, history.unread) == (False, 1)


def test_a_line_that_only_lacks_its_end_is_a_run(tmp_path: Path) -> None:
    History(tmp_path).append(past("000001"))
    (tmp_path / NAME).write_bytes((tmp_path / NAME).read_bytes().rstrip())
    history = History(tmp_path)
    assert [one.run for one in history.newest_first()] == ["000001"]
    assert not history.torn


NO_RUNS = {
    "no JSON": b"{",
    "a list": b"[]",
    "no UTF-8": b'"\xff"',
    "another format": json.dumps({**past("000009").model_dump(mode="json"), "format": 2}).encode(),
    "no number": past("000009").model_dump_json().replace("0.5", "NaN").encode(),
    "an empty object": b"{}",
}


@pytest.mark.parametrize("line", NO_RUNS.values(), ids=NO_RUNS.keys())
def test_a_line_that_is_no_run_costs_no_other(tmp_path: Path, line: bytes) -> None:
    History(tmp_path).append(past("000001"))
    with (tmp_path / NAME).open("ab") as file:
        file.write(line + b"\n")
    History(tmp_path).append(past("000002"))
    assert runs(tmp_path) == ["000002", "000001"]


def test_a_later_suites_line_is_read(tmp_path: Path) -> None:
    """What it writes beside ours is no fault."""
    line = {**past("000001").model_dump(mode="json"), "more": 1}
    (tmp_path / NAME).write_text(json.dumps(line) + "\n")
    (tmp_path / NAME).chmod(0o600)
    assert runs(tmp_path) == ["000001"]


def test_of_a_very_long_one_the_end_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(9):
        History(tmp_path).append(past(f"00000{number}"))
    line = len(past("000000").model_dump_json()) + 1
    monkeypatch.setattr("harness.verdict.history._MOST", 3 * line + 5)
    history = History(tmp_path)
    assert [one.run for one in history.newest_first()] == ["000008", "000007", "000006"]
    assert history.unread == 0


def _linked(file: Path) -> None:
    file.rename(file.with_name("other"))
    file.symlink_to("other")


def _pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file, 0o600)


def _folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


REFUSED: dict[str, Callable[[Path], object]] = {
    "anybody may write it": lambda file: file.chmod(0o606),
    "its group may": lambda file: file.chmod(0o620),
    "a link": _linked,
    "a pipe": _pipe,
    "a folder": _folder,
}


@pytest.mark.parametrize("change", REFUSED.values(), ids=REFUSED.keys())
def test_what_somebody_else_could_have_written_is_neither_read_nor_written(
    tmp_path: Path, change: Callable[[Path], object]
) -> None:
    history = History(tmp_path)
    history.append(past("000001"))
    change(history.file)
    with pytest.raises(OSError):  # noqa: PT011 - of whatever kind
        next(history.newest_first())
    with pytest.raises(OSError):  # noqa: PT011 - as above
        history.append(past("000002"))


def test_a_disk_that_fills_up_leaves_it_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history = History(tmp_path)
    history.append(past("000001"))
    before, write, room = history.file.read_bytes(), os.write, [40, 0]

    def full(file: int, content: bytes) -> int:
        if not (left := room.pop(0)):
            raise OSError(28, "No space left on device")
        return write(file, content[:left])

    monkeypatch.setattr("harness.verdict.history.os.write", full)
    with pytest.raises(OSError, match="No space"):
        history.append(past("000002"))
    assert history.file.read_bytes() == before


def _append_some(root: Path, first: int) -> None:
    for number in range(first, first + 20):
        History(root).append(past(f"{number:06x}"))


def test_runs_that_end_at_the_same_moment_lose_no_line(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_append_some, args=(tmp_path, 100 * number)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(runs(tmp_path)) == sorted(f"{100 * a + b:06x}" for a in range(4) for b in range(20))
