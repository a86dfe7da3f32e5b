"""What the probe of a survey sees of jails: files that lie elsewhere, too, and what their VMs give a name."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.wait import wait_until
from tests.unit.survey.test_look import probe

ID = "4f91ae8a"
INTO_JAIL = """
set -e; cd {root}; mkdir usr; ln -s usr/lib usr/lib64 .; mount --bind . .; cd {root}
mount --rbind /usr usr; mount --bind {apart}/{id}.ext4 mounted.ext4; exec chroot . /usr/bin/sleep 60
"""


@pytest.fixture
def jail(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A process in a jail, and its root: of its files one is the jail's own, one linked, one mounted."""
    root, apart = tmp_path / f"jails/sleep/{ID}/root", tmp_path / "apart"
    root.mkdir(parents=True)
    apart.mkdir()
    for path in (root / "own.ext4", root / "mounted.ext4", apart / "linked.ext4", apart / f"{ID}.ext4"):
        path.touch()
    (root / "linked.ext4").hardlink_to(apart / "linked.ext4")
    script = INTO_JAIL.format(root=root, apart=apart, id=ID)
    with subprocess.Popen(["unshare", "--map-root-user", "--mount", "sh", "-c", script]) as process:
        comm = Path(f"/proc/{process.pid}/comm")
        wait_until(lambda: comm.read_text() == "sleep\n", what="the process to be in its jail", timeout_s=60)
        yield process.pid, root
        process.kill()


def test_files_of_a_jail_that_lie_elsewhere_are_told(jail: tuple[int, Path]) -> None:
    pid, root = jail
    paths = [str(root / f"{name}.ext4") for name in ("linked", "mounted", "own")]
    assert probe()["brought"](pid, str(root), [*paths, "/data/golden.mem"]) == paths[:2]


def test_where_its_mounts_cannot_be_read_none_is_the_jails_own(tmp_path: Path) -> None:
    path = str(tmp_path / "a.ext4")
    assert probe(mounts=lambda _: [])["brought"](1, str(tmp_path), [path]) == [path]


def test_a_vmm_in_no_jail_has_no_files_of_one(tmp_path: Path) -> None:
    assert probe()["brought"](1, "/", [str(tmp_path / "a.ext4")]) == []


def called(tmp_path: Path, *names: str, **globals_: object) -> Any:
    """What is told of a host with a jail, and with these files and folders beside it."""
    root = tmp_path / f"jailer/firecracker/{ID}/root"
    root.mkdir(parents=True)
    (root / f"{ID}.log").touch()
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    names_ = {"ROOTS": (str(tmp_path),), "RUNS": (), **globals_}
    return probe(**names_)["called"]([{"root": str(root)}, {"root": "/"}])


@pytest.mark.parametrize(
    "name",
    [f"vms/{ID}/disk", f"vms/vm-{ID}.ext4", f"run/fc/{ID}.sock", f"run/fc/{ID}.ext4", f"a/b/c/{ID}"],
)
def test_what_is_called_by_a_jails_vm_and_lies_in_none_is_told(tmp_path: Path, name: str) -> None:
    at = next(place for place, part in enumerate(Path(name).parts) if ID in part)
    path = tmp_path.joinpath(*Path(name).parts[: at + 1])
    assert called(tmp_path, name) == {"called": [str(path)], "uncalled": []}


OTHERS = [f"vms/x{ID}", f"vms/{ID}0", f"vms/docker/{ID}", f"acc-0badc0-1/{ID}", "vms/x"]


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_called_otherwise_or_is_anothers_is_not(tmp_path: Path, name: str) -> None:
    """So is what is in the jail itself."""
    assert called(tmp_path, name) == {"called": [], "uncalled": []}


def test_what_systemd_keeps_of_a_vm_is_no_state_of_it(tmp_path: Path) -> None:
    told = called(tmp_path, f"netns/{ID}", NOT_VMS={str(tmp_path / "netns")})
    assert told == {"called": [], "uncalled": []}


def test_a_folder_that_was_not_looked_through_for_it_is_named(tmp_path: Path) -> None:
    names = [f"many/{number}" for number in range(50)]
    assert called(tmp_path, *names, MOST_CALLED=40)["uncalled"] == [str(tmp_path)]


@pytest.mark.parametrize("root", ["/", "/root", "/proc/7/root"])
def test_without_a_jail_nothing_is_looked_through(tmp_path: Path, root: str) -> None:
    (tmp_path / "root").mkdir()
    told = probe(ROOTS=(str(tmp_path),), RUNS=())["called"]([{"root": root}])
    assert told == {"called": [], "uncalled": []}
