"""Which sites a fleet has."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.fleet.shares import Shard
from harness.fleet.sites import read_fleet


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three profiles in two regions, and one beside them."""
    for name in ("eu/fra-1", "eu/fra-2", "us/fra-1", "lone"):
        file = tmp_path / f"{name}.toml"
        file.parent.mkdir(exist_ok=True)
        file.write_text("")
    return tmp_path


def test_a_folder_is_a_fleet(folder: Path) -> None:
    """What lies deeper, such as what profiles extend, is no site."""
    fleet = read_fleet(folder)
    assert [(site.key, site.profile) for site in fleet.sites] == [("lone", folder / "lone.toml")]
    assert [site.key for site in read_fleet(folder / "eu").sites] == ["fra-1", "fra-2"]


def test_a_file_has_groups_and_terms(folder: Path) -> None:
    file = folder / "fleet.toml"
    file.write_text(
        'name = "all"\nmax_failing = 2\ncanary = "5%"\n'
        '[groups.eu]\nsites = ["eu/*.toml"]\nlimit = 1\n[groups.rest]\nsites = ["us/*.toml", "lone.toml"]\n'
    )
    fleet = read_fleet(folder)
    assert fleet == read_fleet(file)
    assert [(site.group, site.key) for site in fleet.sites] == [
        ("eu", "eu/fra-1"),
        ("eu", "eu/fra-2"),
        ("rest", "lone"),
        ("rest", "us/fra-1"),
    ]
    assert (fleet.name, fleet.limits, fleet.max_failing, fleet.canary) == ("all", {"eu": 1}, 2, "5%")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[groups.a]\nsites = ["no/*.toml"]', "no such profile"),
        ('[groups.a]\nsites = ["**eu"]', "no such profile"),
        ('[groups.a]\nsites = ["l*"]', "is called lone, too"),
        ('[groups.a]\nsites = ["../x.toml"]', "in the folder of this file"),
        ('[groups.a]\nsites = ["/etc/*.toml"]', "in the folder of this file"),
        ('[groups.a]\nsites = ["lone.toml"]\n[groups.b]\nsites = ["*.toml"]', "more than one group: lone"),
        ('[groups.a]\nsites = ["lone.toml"]\nlimit = 0', "groups.a.limit"),
        ('[groups.a]\nsite = ["lone.toml"]', "groups.a"),
        ('name = "all"', "groups: Field required"),
        ("groups = ", "not TOML"),
    ],
)
def test_what_is_mistyped_is_told(folder: Path, text: str, says: str) -> None:
    (folder / "lone").write_text("")
    (folder / "fleet.toml").write_text(text)
    with pytest.raises(UsageError, match=says):
        read_fleet(folder)


@pytest.mark.parametrize("groups", ["", '[groups.a]\nsites = ["*.toml"]\n'])
def test_no_site_is_forgotten_because_it_cannot_be_read(folder: Path, groups: str) -> None:
    """A link that leads nowhere is a site whose profile is missing; an editor's hidden file is none."""
    if groups:
        (folder / "fleet.toml").write_text(groups)
    (folder / "gone.toml").symlink_to(folder / "nowhere")
    (folder / "round.toml").symlink_to("round.toml")
    (folder / ".#lone.toml").symlink_to("nobody@nowhere")
    (folder / ".lone.toml").write_text("")
    assert [site.key for site in read_fleet(folder).sites] == ["gone", "lone", "round"]


@pytest.mark.parametrize("name", ["a\tb", "\x1b[2J", "\udcff", "two\nlines"])
def test_a_site_whose_name_cannot_be_told_is_refused(folder: Path, name: str) -> None:
    """It would be another one in the verdict."""
    (folder / f"{name}.toml").write_text("")
    with pytest.raises(UsageError, match="cannot be told as it is"):
        read_fleet(folder)


def test_a_fleet_without_a_name_has_its_folders(folder: Path) -> None:
    (folder / "fleet.toml").write_text('[groups.a]\nsites = ["lone.toml"]')
    assert (read_fleet(folder).name, read_fleet(folder / "eu").name) == (folder.name, "eu")


def test_a_file_of_groups_that_is_gone_is_told(folder: Path) -> None:
    (folder / "fleet.toml").symlink_to(folder / "nowhere")
    with pytest.raises(UsageError, match="No such file"):
        read_fleet(folder)


def test_nothing_is_no_fleet(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no profile in it"):
        read_fleet(tmp_path)
    with pytest.raises(UsageError, match="No such file"):
        read_fleet(tmp_path / "missing")


def test_parts_are_all_of_it_and_share_none(folder: Path) -> None:
    (folder / "fleet.toml").write_text('[groups.a]\nsites = ["**/fra*.toml", "lone.toml"]\n')
    fleet = read_fleet(folder)
    parts = [fleet.shard(Shard(number, 3)).sites for number in (1, 2, 3)]
    assert sorted(site.key for part in parts for site in part) == [site.key for site in fleet.sites]
    assert {len(part) for part in parts} == {1, 2}
