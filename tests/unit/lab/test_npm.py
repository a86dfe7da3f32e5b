"""npm of the Python package: the user's settings reach it, and what it installs is whole or not there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.errors import CommandError
from lab import npm


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings from this machine but a file for all users."""
    for name in npm.settings():
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "npmrc").write_text("fund=false\n")
    monkeypatch.setattr(npm, "SETTINGS_OF_ALL", (tmp_path / "none", tmp_path / "npmrc"))


def test_the_settings_of_all_users_are_found(tmp_path: Path) -> None:
    assert npm.settings() == {"npm_config_globalconfig": str(tmp_path / "npmrc")}


def test_settings_in_the_environment_win(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "NPM_CONFIG_GLOBALCONFIG": "/x",
        "npm_config_registry": "http://r.invalid/",
        "HTTPS_PROXY": "http://p",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert npm.settings() == given


def test_a_lock_file_that_cannot_be_read_leaves_nothing(tmp_path: Path) -> None:
    project, target = tmp_path / "project", tmp_path / "cache/packages"
    project.mkdir()
    (project / "package.json").write_text('{"name": "x"}')
    (project / npm.LOCK).write_text("{")
    with pytest.raises(CommandError, match="npm error"):
        npm.install(project, target)
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize("project", ["lab/image/agent", "lab/provider", "tests/unit/peers/axe"])
def test_lock_files_name_no_place_to_fetch_from(project: str) -> None:
    root = Path(npm.__file__).parents[1]
    packages = json.loads((root / project / npm.LOCK).read_text())["packages"]
    assert [name for name, entry in packages.items() if "resolved" in entry] == []
    assert [name for name, entry in packages.items() if name and "integrity" not in entry] == []
