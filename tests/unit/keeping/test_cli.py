"""``python -m harness vm``: what is wrong is one message and what to do next."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.__main__ import main
from harness.custodian.kept import Kept
from harness.errors import UsageError
from harness.host.keeping import stays, told_of, until
from harness.keeping import cli
from harness.keeping.found import Found

NAME = "acc-00a11e-1"
NOBODY_THERE = """
name = "nobody there"
[host]
address = "127.0.0.1"
user = "nobody"
port = 1
"""


@pytest.mark.parametrize(
    "words", [("list",), ("ssh",), ("console",), ("drop",), ("vnc", f"--picture={NAME}.png")], ids=" ".join
)
def test_a_host_that_is_dead_is_told_as_such(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    profile = tmp_path / "site.toml"
    profile.write_text(NOBODY_THERE)
    verb, *options = words
    name = [] if verb == "list" else [NAME]
    assert main(["vm", verb, f"--site={profile}", *options, *name]) == 4
    said = capsys.readouterr()
    assert said.out == ""
    assert "127.0.0.1" in said.err
    assert "\n  next: " in said.err


@pytest.mark.parametrize("words", [(), ("ssh",), ("drop",), ("stop", NAME), ("list", NAME)], ids=" ".join)
def test_what_is_no_command_is_refused(capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["vm", *words])
    assert caught.value.code == 4
    assert "next: python -m harness" in capsys.readouterr().err


class Host(SimpleNamespace):
    """A host where nothing is done that is not said here."""

    def __enter__(self) -> Host:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Carries out a verb on a host without VMs; what it said."""
    profile = tmp_path / "site.toml"
    profile.write_text(NOBODY_THERE)
    host = Host(site=SimpleNamespace(name="x"), reaped=["removed /run/acc-00dead"])
    monkeypatch.setattr(cli, "Hypervisor", lambda _site: host)

    def carry_out(verb: str, **more: object) -> list[str]:
        lines: list[str] = []
        cli.main(argparse.Namespace(site=profile, verb=verb, name=NAME, **more), say=lines.append)
        return lines

    return carry_out


def test_a_list_of_none_says_so_and_what_dead_runs_left(said: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "list_vms", lambda _host: [])
    assert said("list") == ["removed /run/acc-00dead", "no VM of the suite is on the host of x"]
    monkeypatch.setattr(cli, "list_vms", lambda _host: [Found(name=NAME, runs=True)])
    assert said("list")[1:] == [f"{NAME}  of run 00a11e, which goes on"]


def test_a_console_moves_no_cursor(said: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "console", lambda _host, _name: "\x1b[2Jlogin:")
    assert said("console")[1:] == ["\\x1b[2Jlogin:"]


def test_a_picture_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--picture=.*none.*: No such file or directory"):
        cli._write(tmp_path / "none" / "x.png", b"")


def test_a_picture_is_its_owners_alone(tmp_path: Path) -> None:
    """As all is that shows what is in a VM."""
    before = os.umask(0)
    try:
        cli._write(tmp_path / "x.png", b"a longer one")
        cli._write(tmp_path / "x.png", b"png")
    finally:
        os.umask(before)
    assert (tmp_path / "x.png").read_bytes() == b"png"
    assert (tmp_path / "x.png").stat().st_mode & 0o777 == 0o600


def test_a_kept_vm_is_told_to_the_next_run_with_what_ends_it() -> None:
    kept = Kept(NAME, "guest.x", 1800.0, 1_764_475_200.0)
    assert told_of(kept) == (
        "kept until 2025-11-30 04:00:00 UTC by the host's clock, by run 00a11e: VM acc-00a11e-1, for guest.x;"
        " to end it: python -m harness vm drop acc-00a11e-1"
    )
    assert told_of(kept, site=Path("x.toml")).endswith(
        ": python -m harness vm drop --site=x.toml acc-00a11e-1"
    )


def test_a_host_whose_clock_is_mad_is_still_told() -> None:
    assert "5138-11-16" in until(Kept(NAME, "guest.x", 1.0, 1e300))
    assert "1970-01-01" in until(Kept(NAME, "guest.x", 1.0, -1e300))


def test_a_profile_with_an_odd_name_is_one_word_to_a_shell() -> None:
    told = stays(Kept(NAME, "guest.x", 90.0), site=Path("my site.toml"))
    assert f"\npython -m harness vm ssh '--site=my site.toml' {NAME}\n" in told
