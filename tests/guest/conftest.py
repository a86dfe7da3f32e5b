"""Starts the experiments before the first guest check, so that everything else overlaps with them."""

from __future__ import annotations

import pytest

from fixtures.guest import needs_experiments


@pytest.fixture(scope="session", autouse=True)
def experiments_begin_early(request: pytest.FixtureRequest) -> None:
    """Begin, where a selected check waits for an experiment."""
    if needs_experiments(request.session):
        request.getfixturevalue("experiments")
