"""The journal of a soak: it is whole to where it was cut off, and gone on with from there."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.soak.journal import begun, resumed
from bench.soak.plan import Victim
from harness.errors import UnreadableError, UsageError
from tests.unit.bench.accounts import ORDER, account, process, seen

BEFORE = seen(process("systemd", 1), things=("tap fc-vm-1",))
ACCOUNTS = [account(1), account(2, "FAIL", victim=Victim.SUITE, leaks={"tap acc0": "of nobody"})]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """One with two turns."""
    path = tmp_path / "journal.jsonl"
    with begun(path, ORDER) as journal:
        journal.keep_look(BEFORE)
        for one in ACCOUNTS:
            journal.keep(one)
    return path


def test_what_was_kept_is_read_again(file: Path) -> None:
    with resumed(file) as journal:
        assert (journal.order, journal.before, journal.accounts) == (ORDER, BEFORE, ACCOUNTS)


def test_each_turn_is_on_the_disk_before_the_next_begins(tmp_path: Path) -> None:
    with begun(tmp_path / "j", ORDER) as journal:
        journal.keep_look(BEFORE)
        journal.keep(ACCOUNTS[0])
        assert len((tmp_path / "j").read_text().splitlines()) == 3


def test_a_line_that_was_cut_off_is_forgotten_and_written_anew(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-20])
    shorter = account(2)
    with resumed(file) as journal:
        assert journal.accounts == ACCOUNTS[:1]
        journal.keep(shorter)
    with resumed(file) as journal:
        assert journal.accounts == [ACCOUNTS[0], shorter]
    assert file.read_text().endswith("}\n")


def test_none_is_begun_over_another(file: Path) -> None:
    with pytest.raises(UsageError, match="was begun"), begun(file, ORDER):
        pass


def test_nothing_is_left_of_one_that_did_not_come_to_its_first_look(tmp_path: Path) -> None:
    with pytest.raises(KeyError), begun(tmp_path / "j", ORDER):
        raise KeyError
    assert not (tmp_path / "j").exists()


def test_only_one_soak_writes_it(file: Path) -> None:
    with resumed(file), pytest.raises(UsageError, match="another soak"), resumed(file):
        pass


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", UsageError),
        (b"{}\n", UsageError),
        (b"what\n", UnreadableError),
        (b'{"other": 1}\n', UnreadableError),
    ],
)
def test_what_is_no_journal_is_not_gone_on_with(
    tmp_path: Path, content: bytes, error: type[Exception]
) -> None:
    (tmp_path / "j").write_bytes(content)
    with pytest.raises(error), resumed(tmp_path / "j"):
        pass
    assert (tmp_path / "j").read_bytes() == content


def test_there_must_be_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no soak"), resumed(tmp_path / "j"):
        pass
