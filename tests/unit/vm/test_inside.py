"""The inside of a VM: its shells, its connection, and their end."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.errors import TransportError
from harness.host.hypervisor import Hypervisor
from harness.infra.host import ShellBackend
from harness.site.profile import Site
from harness.text import encoded
from harness.transport.local import LocalConnection
from harness.transport.ssh import SshConnection
from harness.vm.inside import Guest
from tests.unit.peers.patience import too_slow

LIMIT_S = 60.0


class Here(LocalConnection):
    """This machine in the place of a guest."""

    def start_beside(self, argv: Sequence[str]) -> Any:
        return super().start_beside(argv[-1:])  # without sudo


@pytest.fixture
def guest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Guest:
    """One that needs no SSH."""
    inside = Guest(cast(Hypervisor, SimpleNamespace(site=Site(name="x"))), "acc-000000-1", tmp_path / "none")
    monkeypatch.setattr(inside, "_connect", lambda: cast(SshConnection, Here(tmp_path)))
    return inside


def test_it_may_be_closed_while_a_shell_is_opened(guest: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever opens it holds the shell's lock, and waits for the guest's."""
    opening, closing = threading.Event(), threading.Event()
    host = guest.host(remembers=False)
    open_shell, close = host.backend._open_shell, ShellBackend.close

    def open_late() -> Any:
        opening.set()
        assert closing.wait(LIMIT_S)
        return open_shell()

    def close_then(backend: ShellBackend) -> None:
        closing.set()
        close(backend)

    monkeypatch.setattr(host.backend, "_open_shell", open_late)
    monkeypatch.setattr(ShellBackend, "close", close_then)

    def ask() -> None:
        with contextlib.suppress(TransportError):  # where the shell was closed before it could answer
            host.run("true")

    asking = threading.Thread(target=ask, daemon=True)
    ending = threading.Thread(target=guest.close, daemon=True)
    asking.start()
    assert opening.wait(LIMIT_S)
    ending.start()
    asking.join(LIMIT_S)
    ending.join(LIMIT_S)
    assert (asking.is_alive(), ending.is_alive()) == (False, False)
    guest.close()


def test_no_message_tells_a_units_environment(guest: Guest, tmp_path: Path) -> None:
    ask = guest.host(remembers=False).backend.ask
    command = f"printf 'Environment=A_%s=%s\\n' KEY hunter2; : >{tmp_path}/begun; sleep 60"
    error = too_slow(lambda limit_s: ask(command, timeout_s=limit_s), tmp_path / "begun")
    assert "Environment=A_KEY=‹secret›" in str(error)
    guest.close()


def test_a_program_hears_and_says_bytes_as_they_are(guest: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever encoding they are in; and how it ended is told."""
    monkeypatch.setattr(Guest, "_become_root", [])
    data = bytes(range(256)) * 512
    done = guest.program(["cat"], data, timeout_s=LIMIT_S)
    assert (done.status, encoded(done.stdout)) == (0, data)
    assert guest.program(["false"], b"", timeout_s=LIMIT_S).status == 1


def key_aliases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, guest: dict[str, Any]) -> list[str | None]:
    """The names that keys are known by: of a clone, another, and two sessions' VMs at one address."""
    kept: list[str | None] = []
    monkeypatch.setattr(SshConnection, "open", lambda self, _: kept.append(self._destination.host_key_alias))
    host = SimpleNamespace(
        site=Site.model_validate({"name": "x", "guest": guest}),
        connection=SimpleNamespace(directory=tmp_path),
        guest_key_lock=contextlib.nullcontext(),
    )
    for name, whose in (("acc-0-1", ""), ("acc-0-2", ""), ("acc-0-s30", "a"), ("acc-0-s30", "b\n?")):
        _ = Guest(cast(Hypervisor, host), name, tmp_path / "none", whose=whose).connection
    return kept


def test_each_vm_is_held_to_a_key_of_its_own_where_they_share_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the second one of a deployment that makes keys at boot would look as if its key had changed."""
    kept = key_aliases(tmp_path, monkeypatch, {"shared_identity": ["machine-id"]})
    assert kept == [f"browser-vm-acc-0-{one}" for one in ("1", "2", "s30-a", "s30-b")]


@pytest.mark.parametrize("guest", [{}, {"shared_identity": [], "known_hosts_file": "/etc/ssh/known"}])
def test_all_are_held_to_one_where_they_may_share_it_or_it_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, guest: dict[str, Any]
) -> None:
    assert set(key_aliases(tmp_path, monkeypatch, guest)) == {"browser-vm"}
