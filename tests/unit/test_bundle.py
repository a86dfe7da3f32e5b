"""What is packed for whoever helps with a run: everything of it, and nothing that is secret or not of it."""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path

import pytest

from harness import bundle as packing
from harness.__main__ import main
from harness.bundle import bundle
from harness.errors import UsageError
from harness.site.digest import profile_digest
from harness.site.load import load_site
from tests.unit.peers.verdicts import passed

PROFILE = 'name = "here"\n[host]\naddress = "h"\nuser = "u"\nproxy_command = "ssh -i hunter2 x"\n'


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder, with a profile that is still there."""
    profile, folder = tmp_path / "site.toml", tmp_path / "evidence" / "0a1b2c"
    profile.write_text(PROFILE)
    check = folder / "guest.port"
    check.mkdir(parents=True)
    (check / "console.log").write_text("panic\n")
    (folder / "run.json").write_text("{}")
    verdict = passed()
    verdict["profile"] = {"file": str(profile), "sha256": profile_digest(load_site(profile))}
    (folder / "verdict.json").write_text(json.dumps(verdict))
    return folder


def packed(file: Path) -> dict[str, str]:
    with tarfile.open(file) as archive:
        files = {one.name: archive.extractfile(one) for one in archive}
        return {name: file.read().decode() for name, file in files.items() if file}


def test_a_run_is_packed_with_profile_and_versions(run: Path, tmp_path: Path) -> None:
    file = tmp_path / "b.tar.gz"
    assert bundle(run, file).startswith(f"{file}: ")
    inside = packed(file)
    assert set(inside) == {
        "run-0a1b2c/versions.txt",
        "run-0a1b2c/profile.toml",
        "run-0a1b2c/evidence/run.json",
        "run-0a1b2c/evidence/verdict.json",
        "run-0a1b2c/evidence/guest.port/console.log",
    }
    assert "pydantic==" in inside["run-0a1b2c/versions.txt"]
    assert "as it was in this run" in inside["run-0a1b2c/profile.toml"]
    assert 'host.address = "h"' in inside["run-0a1b2c/profile.toml"]
    assert "hunter2" not in str(inside)
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_profile_that_was_changed_since_is_said_to_be(run: Path, tmp_path: Path) -> None:
    with (tmp_path / "site.toml").open("a") as profile:
        profile.write("port = 23\n")
    bundle(run, tmp_path / "b")
    assert "WHICH IS ANOTHER NOW" in packed(tmp_path / "b")["run-0a1b2c/profile.toml"]


@pytest.mark.parametrize("harm", ["no profile", "no verdict", "another format"])
def test_what_cannot_be_had_is_named_and_the_rest_is_packed(run: Path, tmp_path: Path, harm: str) -> None:
    if harm == "no profile":
        (tmp_path / "site.toml").unlink()
    elif harm == "no verdict":
        (run / "verdict.json").unlink()
    else:
        (run / "verdict.json").write_text('{"format": 1}')
    said = bundle(run, tmp_path / "b")
    assert "\nwithout the profile: " in said
    inside = packed(tmp_path / "b")
    assert inside["run-0a1b2c/left-out.txt"] in said + "\n"
    assert "run-0a1b2c/evidence/guest.port/console.log" in inside


def test_what_is_too_much_is_left_out_the_largest_first(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (run / "guest.port" / "memory.bin").write_bytes(b"x" * 70000)
    monkeypatch.setattr(packing, "LARGEST", 60000)
    assert "without guest.port/memory.bin: over" in bundle(run, tmp_path / "b")
    assert "run-0a1b2c/evidence/guest.port/console.log" in packed(tmp_path / "b")


def test_nothing_is_packed_that_is_no_file_of_the_run(run: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2")
    (run / "guest.port" / "link").symlink_to(tmp_path / "secret")
    (run / "away").symlink_to(tmp_path)
    os.mkfifo(run / "guest.port" / "pipe")
    bundle(run, tmp_path / "b")
    assert "hunter2" not in str(packed(tmp_path / "b"))
    assert not [name for name in packed(tmp_path / "b") if "link" in name or "pipe" in name or "away" in name]


def test_a_folder_that_is_no_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no run: .* holds no run\.json"):
        bundle(tmp_path, None)


def test_where_nothing_can_be_written_it_is_said(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bundle", str(run), "-o", "/proc/none/x"]) == 4
    assert "next: -o FILE" in capsys.readouterr().err


def test_the_latest_run_is_packed_where_the_command_stands(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (run.parent / "latest").symlink_to(run.name)
    monkeypatch.chdir(tmp_path)
    assert main(["bundle"]) == 0
    assert capsys.readouterr().out.startswith("bundle-0a1b2c.tar.gz: ")
    assert packed(tmp_path / "bundle-0a1b2c.tar.gz")
