"""``site init`` as it is typed: one message where it cannot be, and nothing written over."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.__main__ import main
from harness.site.load import load_site
from tests.unit.peers.private_sshd import private_sshd


def init(*words: str | Path) -> int:
    return main(["site", "init", *map(str, words)])


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "site.toml"
    file.write_text("mine")
    assert (init("--host=me@127.0.0.1", "-o", file), file.read_text()) == (4, "mine")
    said = capsys.readouterr().err
    assert "is there already" in said
    assert "--force" in said


@pytest.mark.parametrize("host", ["127.0.0.1", "me@", "me@a@b", "me@-oProxyCommand=x", "me me@127.0.0.1"])
def test_what_is_no_login_is_refused_before_anybody_is_asked(
    host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init(f"--host={host}") == 4
    assert "next:" in capsys.readouterr().err


def test_a_dead_host_is_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    assert init("--host=me@127.0.0.1:1") == 4
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("next:") == 1
    assert "nothing listens there" in said.err


def test_a_wrong_key_is_one_message_and_a_right_one_a_profile(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Over SSH, as root, where the tests run as root; else sudo is asked, and may refuse."""
    output = tmp_path / "site.toml"
    with private_sshd(tmp_path) as sshd:
        login = sshd.login
        words = (
            f"--host={login.user}@{login.address}:{login.port}",
            f"--known-hosts-file={login.known_hosts_file}",
        )
        assert init(*words, f"--identity-file={tmp_path / 'host'}") == 4
        assert "the login was refused" in capsys.readouterr().err
        status = init(*words, f"--identity-file={login.identity_file}", "-o", output)
    said = capsys.readouterr()
    if os.geteuid() == 0:
        assert status == 1, said.err
        site = load_site(output)
        assert (site.host.address, site.host.port) == (login.address, login.port)
        assert "session.user_id" in said.out
        assert f"python -m harness site check {output}" in said.out


def test_a_host_without_python_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Here the host is this machine, and its PATH has nothing."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert init("--host=local") == 4
    said = capsys.readouterr().err
    assert "python3" in said or "sudo" in said
