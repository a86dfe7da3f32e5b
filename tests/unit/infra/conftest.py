"""The machine that the tests of this room ask."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.infra.host import Host
from tests.unit.peers.shell_machine import this_machine


@pytest.fixture
def host() -> Iterator[Host]:
    """This machine, whose answers stand for good."""
    with this_machine() as machine:
        yield machine
