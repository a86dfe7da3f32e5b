"""A guest that a launch may change."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.infra.environment import parse_environment
from harness.infra.units import Unit
from harness.site.profile import Site
from tests.unit.peers.launched_guest import Change, Deployment, Launch, Launched
from tests.unit.peers.small_guest import site_of


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """Not laid down yet. Its agent has what its unit sets: none runs here, and its file adds to it."""
    monkeypatch.setattr(Unit, "environment", lambda unit, _: parse_environment(unit.get("Environment")))
    profile = site_of(tmp_path / "guest")
    profile["agent"]["node"] = str(tmp_path / "guest/node")
    return Deployment(tmp_path / "guest", Site.model_validate(profile))


@pytest.fixture
def launched(deployment: Deployment) -> Launch:
    """The VM of a session, launched so, and the golden snapshot's clone."""

    def launch(change: Change) -> Launched:
        deployment.lay_down()
        golden = deployment.look()
        deployment.set_unit()
        change(deployment)
        return Launched(golden, deployment.look(), deployment.site)

    return launch
