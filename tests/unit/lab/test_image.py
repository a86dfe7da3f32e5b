"""The golden image's parts that can go wrong on their own."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.errors import HarnessError
from lab import debian
from lab.digest import digest_of_tree
from lab.image import golden, manifest
from lab.image.chamber import BuildError
from lab.image.cpio import Archive
from lab.image.guest import is_off
from lab.image.kernel import KernelError, extract_vmlinux
from lab.image.publish import publish

INPUTS = {"agent/server.js": {"sha256": "1"}, "kernel": {"sha256": "2", "value": "6.1"}}


def write_snapshot(folder: Path) -> None:
    """A folder as a build leaves it, with files of one byte."""
    for file in golden.FILES:
        (folder / file.name).write_bytes(b"x")
    facts = manifest.Facts("1.16.1", "v10.0.0", "6.1", "boot-id")
    manifest.write(folder, facts=facts, inputs=INPUTS)


def names(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(entry.name for entry in folder.iterdir())


def test_nothing_changed_means_no_rebuild(tmp_path: Path) -> None:
    write_snapshot(tmp_path)
    assert manifest.why_rebuild(tmp_path, INPUTS) == ""


@pytest.mark.parametrize(
    ("inputs", "why"),
    [
        ({**INPUTS, "kernel": {"sha256": "3", "value": "6.2"}}, "changed since: kernel"),
        ({"kernel": INPUTS["kernel"]}, "changed since: agent/server.js"),
        ({**INPUTS, "vmm": {"sha256": "4"}}, "changed since: vmm"),
    ],
)
def test_another_input_means_a_rebuild(tmp_path: Path, inputs: dict[str, dict[str, str]], why: str) -> None:
    write_snapshot(tmp_path)
    assert manifest.why_rebuild(tmp_path, inputs) == why


def test_a_damaged_snapshot_means_a_rebuild(tmp_path: Path) -> None:
    write_snapshot(tmp_path)
    (tmp_path / golden.MEMORY.name).write_bytes(b"")
    (tmp_path / golden.DISK.name).unlink()
    why = manifest.why_rebuild(tmp_path, INPUTS)
    assert golden.MEMORY.name in why
    assert golden.DISK.name in why


@pytest.mark.parametrize("text", ["", "{", "[]", '{"files": {}}', '{"files": [], "inputs": {}}'])
def test_a_broken_manifest_means_a_rebuild(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    assert manifest.why_rebuild(tmp_path, INPUTS).startswith("its manifest cannot be read")


def test_the_manifest_says_where_inputs_lie_in_the_guest(tmp_path: Path) -> None:
    write_snapshot(tmp_path)
    document = json.loads((tmp_path / "manifest.json").read_text())
    assert document["format"] == 1
    assert set(document["files"]) == {file.name for file in golden.FILES}


@pytest.mark.parametrize("change", ["content", "name", "mode", "new"])
def test_every_change_of_a_tree_changes_its_digest(tmp_path: Path, change: str) -> None:
    file = tmp_path / "folder/file"
    file.parent.mkdir()
    file.write_text("text")
    before = digest_of_tree(tmp_path)
    match change:
        case "content":
            file.write_text("other")
        case "name":
            file.rename(file.with_name("other"))
        case "mode":
            file.chmod(0o755)
        case _:
            (tmp_path / "new").touch()
    assert digest_of_tree(tmp_path) != before


def test_compiled_python_is_no_input(tmp_path: Path) -> None:
    before = digest_of_tree(tmp_path)
    (tmp_path / "module.cpython-311.pyc").touch()
    assert digest_of_tree(tmp_path) == before


def test_a_snapshot_is_published_whole_and_the_former_kept(tmp_path: Path) -> None:
    """Into a folder that need not be there; what a build left is not golden a second time."""
    place = tmp_path / "deep" / "place"
    for built in ("first", "second"):
        fresh = tmp_path / built
        fresh.mkdir()
        write_snapshot(fresh)
        (fresh / golden.DISK.name).write_text(built)
        publish(fresh, place)
        assert (place / golden.DISK.name).read_text() == built
        assert names(place) == names(fresh)
    former = tmp_path / "deep" / ".place.promotion" / "previous"
    assert (former / golden.DISK.name).read_text() == "first"


def test_a_snapshot_that_lacks_a_file_is_not_published(tmp_path: Path) -> None:
    fresh, place = tmp_path / "fresh", tmp_path / "place"
    fresh.mkdir()
    write_snapshot(fresh)
    (fresh / golden.INITRD.name).unlink()
    with pytest.raises(HarnessError, match=r"stays as it is: .*initrd.img"):
        publish(fresh, place)
    assert names(place) == []


def test_a_snapshot_that_is_half_published_is_told(tmp_path: Path) -> None:
    """It was decided, and what was to become golden is gone."""
    fresh, place = tmp_path / "fresh", tmp_path / "place"
    fresh.mkdir()
    write_snapshot(fresh)
    publish(fresh, place)
    said = {"whole": True, "source": "", "next": 0, "former": place.stat().st_ino}
    (tmp_path / ".place.promotion" / "journal.json").write_text(json.dumps(said))
    with pytest.raises(HarnessError, match=r"cut short: .*place"):
        publish(fresh, place)


def test_the_initrd_is_an_archive_that_cpio_reads(tmp_path: Path) -> None:
    archive = Archive()
    archive.add_folder("bin")
    archive.add_file("bin/odd", b"12345", mode=0o755)
    program = shutil.which("cpio")
    assert program, "cpio is one of the suite's packages"
    subprocess.run([program, "-id", "--quiet"], input=archive.close(), cwd=tmp_path, check=True, timeout=60)
    found = tmp_path / "bin/odd"
    assert (found.read_bytes(), found.stat().st_mode & 0o777) == (b"12345", 0o755)


@pytest.mark.parametrize(
    ("image", "said"),
    [(b"\x7fELF" + bytes(1024), "no bzImage"), (bytes(0x202) + b"HdrS" + bytes(1024), "not packed by LZ4")],
)
def test_a_strange_kernel_is_refused(image: bytes, said: str) -> None:
    with pytest.raises(KernelError, match=said):
        extract_vmlinux(image)


def test_the_unit_is_the_runbooks() -> None:
    lines = debian.BOOKWORM.unit.read_text().splitlines()
    assert "After=network-online.target" in lines
    assert "ExecStart=/usr/bin/node /root/vm-browser-agent/server.js" in lines
    assert "MemoryLimit=512M" in lines
    newer = debian.TRIXIE.unit.read_text().splitlines()
    assert newer == [line.replace("MemoryLimit=", "MemoryMax=") for line in lines]


@pytest.mark.parametrize(
    ("timer", "expected"),
    [
        ("lapic\t268406464\t32", False),
        ("lapic\t913347344\t32", True),
        ("lapic\t80530636\t32", True),
        ("lapic-deadline\t12345678\t32", False),
    ],
)
def test_wrongly_measured_timer_is_known(timer: str, expected: bool) -> None:
    """What a kernel made of an emulated timer in peace, and held up; one that it had not to measure."""
    assert is_off(timer) is expected


@pytest.mark.parametrize("timer", ["", "lapic", "lapic\t1", "hpet\t1\t2"])
def test_unknown_timer_is_no_good_one(timer: str) -> None:
    """Nothing is known of it."""
    with pytest.raises(BuildError, match="no timer that we know"):
        is_off(timer)
