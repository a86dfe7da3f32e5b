"""The first hop to a screen: from the host, or from inside a VM whose VNC listens to nobody else."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from harness.host.hypervisor import Hypervisor
from harness.session.launch import Session
from harness.site.profile import Site
from harness.window import sight
from harness.window.sight import guest_vnc
from tests.unit.peers.vnc_server import VncServer, listening

TEAL, RED = (0x11, 0x88, 0x99), (0xFF, 0, 0)
"""What is at the port as the host reaches it, and what is on the VM's loopback."""


class Inside:
    """A VM of which nothing but the way to its loopback is asked."""

    def __init__(self, folder: Path) -> None:
        self.closed = False
        self.connection = SimpleNamespace(forward=lambda target: folder / target)

    def close(self) -> None:
        """End it."""
        self.closed = True


@pytest.mark.parametrize(
    ("ports", "colour", "is_inside"),
    [
        ([22, 5901, 6080, 8080], TEAL, False),
        ([22, 6080, 8080], RED, True),
    ],
    ids=["for all", "for websockify alone"],
)
def test_vnc_is_asked_where_it_listens(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ports: list[int],
    colour: tuple[int, int, int],
    is_inside: bool,
) -> None:
    site = Site.model_validate({"name": "nowhere", "guest": {"listening_ports": ports}})
    hypervisor = cast("Hypervisor", SimpleNamespace(site=site, forward=lambda target: tmp_path / target))
    session = cast("Session", SimpleNamespace(address="192.0.2.7"))
    made: list[Inside] = []

    def inside(*_: object, **__: object) -> Inside:
        made.append(Inside(tmp_path))
        return made[-1]

    monkeypatch.setattr(sight, "inside", inside)
    with (
        listening(tmp_path / "tcp:192.0.2.7:5901", VncServer(TEAL)),
        listening(tmp_path / "tcp:127.0.0.1:5901", VncServer(RED)),
    ):
        with guest_vnc(hypervisor, session, 60) as screen:
            picture = screen.picture()
        assert picture.share(colour) == 1
    assert [one.closed for one in made] == ([True] if is_inside else [])
