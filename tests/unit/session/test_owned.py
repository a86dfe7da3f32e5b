"""No session of a run outlives it: cancelled by its custodian, or by the next run's reaper; and no other."""

from __future__ import annotations

import contextlib
import os
import signal
import ssl
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from harness.custodian import reaper
from harness.errors import TransportError
from harness.host.hypervisor import Hypervisor
from harness.session.owned import control_api
from harness.site.profile import Site
from tests.unit.peers.custodian_process import custodian_of
from tests.unit.peers.left_run import leave_run
from tests.unit.peers.small_controller import SmallController, own, request
from tests.unit.peers.web_peer import web_peer


def leave(host_folders: Path, run: str, controller: SmallController, *, alive: bool) -> Path:
    """A run with a session of its own; its note."""
    note = leave_run(host_folders, run, clones=0, alive=alive) / "session-1.json"
    own(note, controller)
    return note


def test_the_reaper_cancels_what_a_dead_run_left_and_nothing_else(
    host_folders: Path, controller: SmallController
) -> None:
    leave(host_folders, "acc-00dead", controller, alive=False)
    note = leave(host_folders, "acc-00a11e", controller, alive=True)
    controller.sessions["somebody's"] = "ready"
    lines = reaper.reap(host_folders / "disks")
    assert controller.sessions == {"s1": "cancelled", "s2": "ready", "somebody's": "ready"}
    assert "cancelled session s1" in lines
    assert [path.name for path in (host_folders / "run").iterdir()] == ["acc-00a11e"]
    assert note.exists()


def test_the_reaper_keeps_the_record_of_what_it_could_not_cancel(
    host_folders: Path, controller: SmallController
) -> None:
    note = leave(host_folders, "acc-00dead", controller, alive=False)
    controller.refuse_cancel = True
    assert any("could not cancel session s1" in line for line in reaper.reap(host_folders / "disks"))
    assert note.exists()
    controller.refuse_cancel = False
    assert "cancelled session s1" in reaper.reap(host_folders / "disks")
    assert not note.parent.exists()


def test_the_custodian_cancels_its_sessions_when_its_input_ends(
    host_folders: Path, controller: SmallController
) -> None:
    with custodian_of(host_folders) as owner:
        for _ in range(2):
            owner.ask("start_session", timeout_s=60, **request(controller))
        assert controller.live == ["s1", "s2"]
        assert owner.close() == ""
    assert controller.live == []
    assert list((host_folders / "run").iterdir()) == []


def test_a_launch_under_way_is_waited_for_and_cancelled(
    host_folders: Path, controller: SmallController
) -> None:
    """Whoever asked was killed in the middle of it."""
    controller.hold.clear()
    with custodian_of(host_folders) as owner:
        owner.begin("start_session", **request(controller))
        assert controller.asked.wait(60)
        assert owner._process.stdin is not None
        owner._process.stdin.close()
        controller.hold.set()
        assert owner.close() == ""
    assert controller.sessions == {"s1": "cancelled"}


def test_what_a_killed_custodian_had_is_the_next_ones_to_cancel(
    host_folders: Path, controller: SmallController
) -> None:
    with custodian_of(host_folders) as owner:
        owner.ask("start_session", timeout_s=60, **request(controller))
        os.kill(owner.facts["pid"], signal.SIGKILL)
        owner.close(timeout_s=60)
    assert controller.live == ["s1"]
    assert "cancelled session s1" in reaper.reap(host_folders / "disks")
    assert controller.live == []


def test_what_the_custodian_cannot_cancel_it_says_and_leaves_on_record(
    host_folders: Path, controller: SmallController
) -> None:
    with custodian_of(host_folders) as owner:
        owner.ask("start_session", timeout_s=60, **request(controller))
        controller.refuse_cancel = True
        assert "could not cancel session s1" in owner.close()
    assert (host_folders / "run" / "acc-00a11e" / "session-1.json").exists()


def test_a_controller_may_speak_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where its certificate is one that this machine trusts, and names it."""
    certificate, key, way = tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "way"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=c"
    subject = [
        "-addext",
        "subjectAltName=DNS:controller.example",
        "-keyout",
        str(key),
        "-out",
        str(certificate),
    ]
    subprocess.run([*make.split(), *subject], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    site = Site.model_validate({"name": "x", "controller": {"url": "https://controller.example:4000"}})
    host = cast(Hypervisor, SimpleNamespace(site=site, forward_to=lambda _: way))
    with web_peer(way, {"/api/auth/sessions": (200, {}, "{}")}, tls=context):
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with contextlib.closing(control_api(host)) as api:
            assert api.sessions().status_code == 200
        monkeypatch.delenv("SSL_CERT_FILE")
        with contextlib.closing(control_api(host)) as api, pytest.raises(TransportError, match="CERTIFICATE"):
            api.sessions()
