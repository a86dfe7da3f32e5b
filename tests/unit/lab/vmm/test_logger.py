"""What the VMM takes for a level of its log."""

from __future__ import annotations

import pytest

from lab.vmm import bodies
from lab.vmm.logger import Logger


@pytest.mark.parametrize("level", ["Off", "trace", "WARN", "Warning", None])
def test_a_level_is_taken_in_any_case(level: str | None) -> None:
    """None is Info again."""
    body = bodies.Logger(level=level)
    Logger("vm").configure(None, body.level, show_level=None, show_origin=None)


@pytest.mark.parametrize("level", ["", "loud", "info ", "none"])
def test_what_is_no_level_is_refused(level: str) -> None:
    """An empty one, too: only one that is left out is the default."""
    with pytest.raises(ValueError, match="Invalid LevelFilter"):
        bodies.Logger(level=level)
