"""``site init`` as it is typed: one message where it cannot be, and nothing written over."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from harness.__main__ import main, parser
from harness.site.load import load_site
from harness.survey.output import write_profile
from harness.survey.typed import host_of, site_of
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


@pytest.mark.parametrize(
    ("host", "address", "port"),
    [
        ("me@10.0.0.7", "10.0.0.7", None),
        ("me@vm-host.example:2222", "vm-host.example", 2222),
        ("me@2001:db8::5", "2001:db8::5", None),
        ("me@::1", "::1", None),
        ("me@[2001:db8::5]:2222", "2001:db8::5", 2222),
        ("me@[2001:db8::5]", "2001:db8::5", None),
    ],
)
def test_a_host_is_named_as_ssh_names_it(host: str, address: str, port: int | None) -> None:
    args = parser().parse_args(["site", "init", f"--host={host}"])
    given = host_of(args)
    assert (given["address"], given.get("port"), given["user"]) == (address, port, "me")
    assert site_of(args, given).name == address


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "me@", "me@a@b", "me@a:b", "me@[::1", "me@[a b]", "me@-oProxyCommand=x", "me me@127.0.0.1"],
)
def test_what_is_no_login_is_refused_before_anybody_is_asked(
    host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init(f"--host={host}") == 4
    assert "next:" in capsys.readouterr().err


@pytest.mark.parametrize("given", ["postgresql://me:hunter2@db/x", "host=db password=hunter2", "hunter2"])
def test_a_connection_string_in_the_place_of_its_variable_is_refused_and_never_shown(
    given: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anybody is asked, and with nothing written: it was told in the profile."""
    output = tmp_path / "site.toml"
    assert init("--host=me@127.0.0.1:1", f"--database-url-env={given}", "-o", output) == 4
    said = capsys.readouterr()
    assert "--database-url-env: expected the NAME" in said.err
    assert "hunter2" not in said.out + said.err
    assert not output.exists()


def test_a_guests_key_in_the_home_of_nobody_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert init("--host=me@127.0.0.1:1", "--guest-key=~nobody-of-that-name/key") == 4
    assert "--guest-key: begins with ~" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["no-such-folder/site.toml", "a-file/site.toml", ".", "pipe"])
def test_where_nothing_can_be_written_nobody_is_asked(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A look takes minutes, and what is no file is not written over: /dev/null is to stay what it is."""
    (tmp_path / "a-file").touch()
    os.mkfifo(tmp_path / "pipe")
    assert init("--host=me@127.0.0.1:1", "--force", "-o", tmp_path / name) == 4
    said = capsys.readouterr().err
    assert "nothing listens there" not in said
    assert said.count("next:") == 1
    assert (tmp_path / "pipe").is_fifo()


def test_what_was_there_stays_where_all_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text("mine")
    with pytest.raises(UnicodeEncodeError):
        write_profile(file, "half\udcff")
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("site.toml", "mine")]


def test_a_profile_that_nobody_else_could_read_is_no_more_readable_when_it_is_written_anew(
    tmp_path: Path,
) -> None:
    """It is where it was, and nobody's file is in its way: neither a link's target, nor a name foreseen."""
    file, link = tmp_path / "site.toml", tmp_path / "link.toml"
    file.write_text("mine")
    file.chmod(0o600)
    link.symlink_to(file)
    foreseen, victim = tmp_path / f".{file.name}.{os.getpid()}", tmp_path / "victim"
    foreseen.symlink_to(victim)
    write_profile(link, "anew")
    assert (file.read_text(), file.stat().st_mode & 0o777, link.is_symlink()) == ("anew", 0o600, True)
    assert not victim.exists()


def test_a_dead_host_is_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    assert init("--host=me@127.0.0.1:1") == 4
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("next:") == 1
    assert "nothing listens there" in said.err


def test_a_wrong_key_is_one_message_and_a_right_one_a_profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Over SSH, as root, where the tests run as root; else sudo is asked, and may refuse."""
    monkeypatch.setenv("ACCEPTANCE_DATABASE_URL", "postgresql://me:hunter2@127.0.0.1:1/x")
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
        text = output.read_text()
        one_line = text.replace("\n# ", " ")
        assert "through the host: database me@127.0.0.1" in one_line, "each way says why"
        assert "directly: database me@127.0.0.1" in one_line
        assert "hunter2" not in text + said.out + said.err


def test_a_host_without_python_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Here the host is this machine, and its PATH has nothing."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert init("--host=local") == 4
    said = capsys.readouterr().err
    assert "python3" in said or "sudo" in said


OLD = """#!/bin/sh
shift 3
exec {python} -I -S -c 'import sys; sys.version_info = (3, 8, 1); exec(sys.argv.pop(1))' "$@"
"""


def test_a_host_with_an_old_python_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if os.geteuid():
        pytest.skip("only root becomes root")
    (tmp_path / "python3").write_text(OLD.format(python=sys.executable))
    (tmp_path / "python3").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert init("--host=local") == 4
    said = capsys.readouterr().err
    assert "needs Python 3.9 or newer, and this is" in said
    assert said.count("next:") == 1
