"""Which hosts our browser reaches for a window: the controller, and those that the profile names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from harness.host.hypervisor import Hypervisor
from harness.site.profile import Site
from harness.wait import wait_until
from harness.window.chromium import Chromium
from harness.window.dashboard import Dashboard
from tests.unit.peers.web_peer import Answer, web_peer

CDN = "cdn.lab.invalid:9091"
PAGE = f'<!doctype html><body><canvas width=8 height=4></canvas><script src="http://{CDN}/rfb.js"></script>'

SCRIPT: Answer = (200, {"Content-Type": "text/javascript"}, "console.log('it is here')")


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    """One for all; nothing is allowed to it that a dashboard does not allow."""
    with Chromium() as running:
        yield running


def dashboard(browser: Chromium, folder: Path, hosts: list[str]) -> Dashboard:
    """That of a site whose hypervisor leads to the sockets in a folder, by the addresses' names."""
    site = Site.model_validate(
        {
            "name": "nowhere",
            "controller": {"url": "http://192.0.2.7:4000"},
            "session": {"window_hosts": hosts},
        }
    )
    hypervisor = SimpleNamespace(
        site=site,
        forward=lambda target: folder / target.removeprefix("tcp:"),
        forward_to=lambda url: folder / url.removeprefix("http://"),
    )
    return Dashboard(cast(Hypervisor, hypervisor), browser)


def test_a_window_loads_from_the_hosts_that_the_profile_names_and_from_no_other(
    browser: Chromium, tmp_path: Path
) -> None:
    session = "6b03852d"
    path = Site.model_validate({"name": "x"}).session.window_path.replace("{session}", session)
    with (
        web_peer(tmp_path / "192.0.2.7:4000", {path: (200, {}, PAGE)}),
        web_peer(tmp_path / CDN, {"/rfb.js": SCRIPT}) as asked,
    ):
        with dashboard(browser, tmp_path, []).window(session) as window:
            wait_until(lambda: set(window.kept_out), what="a refusal", timeout_s=60)
            assert asked == []
        with dashboard(browser, tmp_path, [CDN]).window(session) as window:
            wait_until(lambda: "log: it is here" in window.log, what="the script", timeout_s=60)
            assert not window.kept_out
    assert asked == ["/rfb.js"]
