"""The Debians of the lab: where their packages come from, and what of the newer one is of the older."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import debian
from lab.debian import BOOKWORM, TRIXIE
from lab.image import manifest, packages
from lab.image.packages import PackageError
from lab.minipc import deployment, tree
from lab.paths import LabPaths

KEY = "[signed-by=/usr/share/keyrings/key.gpg] "


@pytest.fixture
def paths(tmp_path: Path) -> LabPaths:
    """A lab that was never up."""
    return LabPaths(tmp_path / "lab", tmp_path / "run")


def test_the_guest_is_made_from_this_machines_own_debian_sources(tmp_path: Path) -> None:
    folder = tmp_path / "sources.list.d"
    folder.mkdir()
    (folder / "debian.sources").write_text(
        "# a comment\nTypes: deb deb-src\nURIs: http://mirror.invalid/debian\n"
        "Suites: bookworm\n bookworm-updates\n"
        "Components: main\n# another\nSigned-By: /usr/share/keyrings/key.gpg\n"
        "\nTypes: deb\nURIs: http://off.invalid\nSuites: bookworm\nEnabled: no\n"
        "\nTypes: deb-src\nURIs: http://source.invalid\nSuites: bookworm\n"
        "\nTypes: deb\nURIs: http://other.invalid\nSuites: nodistro\nComponents: main\n"
    )
    (folder / "other.list").write_text("deb http://other.invalid cloud-bookworm main\n")
    (tmp_path / "sources.list").write_text(
        "deb cdrom:[Debian]/ bookworm main\ndeb [arch=amd64] http://old.invalid bookworm-security main\n"
    )
    assert debian.sources(tmp_path, "bookworm").splitlines() == [
        "deb [signed-by=/usr/share/keyrings/key.gpg] http://mirror.invalid/debian bookworm main",
        "deb [signed-by=/usr/share/keyrings/key.gpg] http://mirror.invalid/debian bookworm-updates main",
        "deb [arch=amd64] http://old.invalid bookworm-security main",
    ]


def test_a_machine_without_debian_sources_leaves_the_choice_open(tmp_path: Path) -> None:
    assert debian.sources(tmp_path, "bookworm") == ""


def test_a_release_that_the_machine_does_not_name_is_asked_for_where_its_own_is(tmp_path: Path) -> None:
    """Only the word that is the release is another: not the address, nor the key's name."""
    (tmp_path / "sources.list").write_text(
        f"deb {KEY}http://bookworm.invalid/bookworm bookworm main\n"
        f"deb {KEY.replace('key', 'bookworm')}http://mirror.invalid bookworm-security main\n"
    )
    assert debian.sources(tmp_path, "trixie").splitlines() == [
        f"deb {KEY}http://bookworm.invalid/bookworm trixie main",
        f"deb {KEY.replace('key', 'bookworm')}http://mirror.invalid trixie-security main",
    ]
    with (tmp_path / "sources.list").open("a") as more:
        more.write("deb http://own.invalid trixie main\n")
    assert debian.sources(tmp_path, "trixie") == "deb http://own.invalid trixie main\n"


def test_a_host_with_a_package_of_the_older_release_has_sources_of_both(tmp_path: Path) -> None:
    (tmp_path / "sources.list").write_text("deb http://mirror.invalid bookworm main\n")
    older = "deb http://mirror.invalid bookworm main\n"
    assert tree._sources(tmp_path, BOOKWORM) == older
    assert tree._sources(tmp_path, TRIXIE) == f"deb http://mirror.invalid trixie main\n{older}"


def test_a_machine_without_sources_cannot_make_such_a_host(tmp_path: Path) -> None:
    """It would get the newer QEMU, in which no VM comes up."""
    assert tree._sources(tmp_path, BOOKWORM) == ""
    with pytest.raises(PackageError, match="do not name trixie and bookworm"):
        tree._sources(tmp_path, TRIXIE)


def test_only_what_is_pinned_is_preferred_from_the_older_release() -> None:
    """Of its updates, too, which apt knows by names of their own: bookworm-updates, bookworm-security."""
    assert tree._pins(BOOKWORM) == ""
    stanzas = [stanza.splitlines() for stanza in tree._pins(TRIXIE).split("\n\n")]
    assert [(name, pin, priority) for name, pin, priority in stanzas] == [
        ("Package: *", "Pin: release n=bookworm*", "Pin-Priority: 100"),
        ("Package: src:qemu", "Pin: release n=bookworm*", "Pin-Priority: 990"),
    ]


def test_a_deployment_on_another_release_has_packages_and_golden_snapshot_of_its_own(
    paths: LabPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.image.kernel.newest_release", lambda: "6.1")
    monkeypatch.setattr(manifest, "_look_alike", lambda: {})
    assert debian.chosen(paths) is BOOKWORM
    deployment.choose(paths, "netns")
    usual, digest = manifest.current_inputs(paths), packages.recipe_digest(paths)
    assert debian.chosen(paths) is BOOKWORM
    deployment.choose(paths, "trixie")
    assert debian.chosen(paths) is TRIXIE
    assert packages.recipe_digest(paths) != digest
    changed = manifest.why_changed(usual, manifest.current_inputs(paths))
    assert changed == "changed since: browser-vm-auth.service, packages"


def test_each_release_is_of_a_deployment_that_there_is() -> None:
    assert debian.OF_DEPLOYMENT.keys() <= deployment.DEPLOYMENTS.keys()


@pytest.mark.parametrize("release", [BOOKWORM, TRIXIE], ids=lambda one: one.suite)
def test_tables_are_made_once_the_releases_own_database_runs(tmp_path: Path, release: debian.Debian) -> None:
    """With the lab's settings, where that release's PostgreSQL reads them."""
    settings = tmp_path / f"etc/postgresql/{release.postgresql}/main/conf.d"
    (tmp_path / "etc/systemd/system").mkdir(parents=True)
    settings.mkdir(parents=True)
    tree._install_database(tmp_path, release)
    assert "fsync = off" in (settings / "lab.conf").read_text().splitlines()
    (told,) = (tmp_path / "etc/systemd/system").rglob("*.conf")
    assert told.parent.name == "lab-database.service.d"
    unit = f"postgresql@{release.postgresql}-main.service"
    assert told.read_text().splitlines() == ["[Unit]", f"After={unit}", f"Requires={unit}"]
