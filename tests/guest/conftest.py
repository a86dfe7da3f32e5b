"""Starts the experiments before the first check that is held to no time, so that all else overlaps."""

from __future__ import annotations

import pytest

from fixtures.guest import needs_experiments


@pytest.fixture(autouse=True)
def experiments_begin_early(request: pytest.FixtureRequest) -> None:
    """Begin, where a selected check waits for an experiment."""
    if "guest_facts" in request.fixturenames and needs_experiments(request.session):
        request.getfixturevalue("experiments")
