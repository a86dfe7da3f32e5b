"""Starts early what takes long, so that all else overlaps: experiments, and then the logins."""

from __future__ import annotations

import contextlib

import pytest

from fixtures.guest import needs_experiments, waits_for_experiment
from fixtures.login import needs_logins
from harness.errors import HarnessError


@pytest.fixture(autouse=True)
def experiments_begin_early(request: pytest.FixtureRequest) -> None:
    """Begin before the first check that is held to no time, where a selected one waits for an experiment."""
    if "guest_facts" in request.fixturenames and needs_experiments(request.session):
        request.getfixturevalue("experiments")


@pytest.fixture(autouse=True)
def logins_begin_early(request: pytest.FixtureRequest) -> None:
    """Begin before the first check that waits for an experiment: by then they leave processors idle."""
    if waits_for_experiment(request.fixturenames) and needs_logins(request.session):
        with contextlib.suppress(HarnessError, pytest.skip.Exception):  # told to those who ask for it
            request.getfixturevalue("logins")
