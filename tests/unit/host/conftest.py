"""What several files of this folder's tests are given."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.peers.golden_place import (
    ROLES,
    Place,
)


@pytest.fixture(params=["one folder", "with others in it", "two folders"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Each kind of place."""
    beside = "kernels" if request.param == "two folders" else "golden"
    golden = {role: str(tmp_path / "golden" / role) for role in ROLES}
    golden["kernel"] = str(tmp_path / beside / "kernel")
    made = Place(tmp_path, golden, whole=request.param == "one folder")
    made.begin("promote")
    return made
