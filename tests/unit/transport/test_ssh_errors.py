"""Each way in which SSH can fail, against a real sshd on loopback."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import SshError
from harness.run import run
from harness.transport.ssh import SshConnection, SshDestination
from tests.unit.peers.misbehaving import MANNERS, Words, misbehaving
from tests.unit.peers.private_sshd import PrivateSshd, private_sshd


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateSshd]:
    """An sshd of our own."""
    with private_sshd(tmp_path_factory.mktemp("sshd")) as running:
        yield running


def failure(login: SshDestination, directory: Path, timeout_s: float = 60) -> SshError:
    """What connecting with ``login`` raises."""
    connection = SshConnection(login, directory, alias="somewhere")
    with pytest.raises(SshError) as caught:
        connection.open(timeout_s)
    connection.close()
    return caught.value


def other_key(directory: Path) -> Path:
    """A fresh private key that nobody knows."""
    path = directory / "other"
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], timeout_s=60)
    return path


def test_the_right_login_works(sshd: PrivateSshd, tmp_path: Path) -> None:
    connection = SshConnection(sshd.login, tmp_path, alias="somewhere")
    connection.open(60)
    with connection.start_beside(["sh", "-c", "echo here; exit 3"]) as program:
        assert (program.communicate(timeout=60)[0], program.returncode) == (b"here\n", 3)
    connection.close()


def test_a_key_nobody_knows(sshd: PrivateSshd, tmp_path: Path) -> None:
    error = failure(dataclasses.replace(sshd.login, identity_file=other_key(tmp_path)), tmp_path)
    assert "the login was refused" in error.message
    assert "authorized_keys" in error.hint


def test_a_wrong_user(sshd: PrivateSshd, tmp_path: Path) -> None:
    error = failure(dataclasses.replace(sshd.login, user="nobody-of-that-name"), tmp_path)
    assert "nobody-of-that-name@127.0.0.1" in error.message
    assert "is nobody-of-that-name the right user" in error.hint


def test_a_key_file_that_is_not_there(sshd: PrivateSshd, tmp_path: Path) -> None:
    error = failure(dataclasses.replace(sshd.login, identity_file=tmp_path / "missing"), tmp_path)
    assert str(tmp_path / "missing") in error.hint


def test_a_key_that_others_can_read(sshd: PrivateSshd, tmp_path: Path) -> None:
    assert sshd.login.identity_file is not None
    open_key = tmp_path / "key"
    open_key.write_bytes(sshd.login.identity_file.read_bytes())
    open_key.chmod(0o644)
    error = failure(dataclasses.replace(sshd.login, identity_file=open_key), tmp_path)
    assert "can be read by others" in error.message
    assert f"chmod 600 {open_key}" in error.hint


def test_a_port_where_nobody_listens(sshd: PrivateSshd, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        error = failure(dataclasses.replace(sshd.login, port=port), tmp_path)
    assert re.search(rf"127\.0\.0\.1:{port}: nothing listens there", error.message)


def test_an_unknown_host_key(sshd: PrivateSshd, tmp_path: Path) -> None:
    empty = tmp_path / "known"
    empty.touch()
    error = failure(dataclasses.replace(sshd.login, known_hosts_file=empty), tmp_path)
    assert "the host key is not known" in error.message
    assert str(empty) in error.hint


def test_a_changed_host_key(sshd: PrivateSshd, tmp_path: Path) -> None:
    known = tmp_path / "known"
    key = other_key(tmp_path).with_suffix(".pub").read_text()
    known.write_text(f"[127.0.0.1]:{sshd.login.port} {key}")
    error = failure(dataclasses.replace(sshd.login, known_hosts_file=known), tmp_path)
    assert "not the one on record" in error.message
    assert str(known) in error.hint


def test_a_name_that_does_not_resolve(sshd: PrivateSshd, tmp_path: Path) -> None:
    error = failure(dataclasses.replace(sshd.login, address="no-such-host.invalid"), tmp_path)
    assert "the name is not known" in error.message


def test_a_machine_that_never_answers(sshd: PrivateSshd, tmp_path: Path) -> None:
    silent = dataclasses.replace(sshd.login, proxy_command="cat", connect_timeout_s=1)
    error = failure(silent, tmp_path, timeout_s=1)
    assert "127.0.0.1" in error.message
    assert error.hint


SSHD = Words(good=b"SSH-2.0-OpenSSH_9.2\r\n", endless=b"You are welcome.\r\n")
GREETED = {"before it greets": b"", "after it greets": SSHD.good}


@pytest.mark.parametrize("greets", GREETED.values(), ids=GREETED)
@pytest.mark.parametrize("manner", MANNERS)
def test_an_sshd_that_misbehaves_is_soon_given_up(
    sshd: PrivateSshd, tmp_path: Path, manner: str, greets: bytes
) -> None:
    began = time.monotonic()
    with misbehaving(("127.0.0.1", 0), manner, SSHD, opening=lambda it: it.sendall(greets)) as port:
        login = dataclasses.replace(sshd.login, port=port, connect_timeout_s=1)
        error = failure(login, tmp_path, timeout_s=2)
    assert f"127.0.0.1:{port}" in error.message
    assert error.hint
    assert time.monotonic() - began < 60  # where it took for ever


HELD = {
    "hangs within a line": ("printf Welcome; exec sleep 60", 3, r"no answer\n.*Welcome\n.*timed out"),
    "says nothing": ("exec sleep 60", 3, "no answer"),
    "has no shell": ("echo This account is currently not available.", 60, "has no shell to log in with"),
    "goes on": (r"printf Welcome; echo; printf to; eval $SSH_ORIGINAL_COMMAND", 60, ""),
}


@pytest.mark.parametrize("name", HELD)
def test_a_connection_is_held_once_its_session_is_there(name: str, tmp_path: Path) -> None:
    """Whatever a login prints before, and within its time."""
    command, limit_s, why = HELD[name]
    with private_sshd(tmp_path) as sshd:
        public = tmp_path / "user.pub"
        public.write_text(f'command="{command}" {public.read_text()}')
        (tmp_path / "held").mkdir()
        connection = SshConnection(sshd.login, tmp_path / "held", alias="somewhere")
        with contextlib.nullcontext() if not why else pytest.raises(SshError, match=f"(?s){why}"):
            connection.hold(limit_s)
        assert connection.directory.exists() is not bool(why)
        connection.close()
    assert not connection.directory.exists()
