"""The guest's Debian: a list of packages, and the ext4 disk made of them.

The disk is cached under the digest of this recipe; ``lab.image.disk`` adds what is ours to a copy of it.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from harness.errors import HarnessError
from harness.run import run
from lab import debian
from lab.digest import digest_of_text
from lab.paths import LabPaths

DISK_SIZE = "2G"

PACKAGES = (
    *("systemd", "systemd-sysv", "udev", "dbus", "kmod", "openssh-server", "ca-certificates", "curl", "less"),
    *("libstdc++6", "python3", "iproute2", "iputils-ping", "procps"),
    *("tigervnc-standalone-server", "x11-xkb-utils", "xkb-data", "openbox", "xdotool", "novnc", "websockify"),
    *("chromium", "fonts-dejavu-core"),
)

_OPTIONS = (
    "--mode=root",
    "--variant=minbase",
    "--format=directory",
    '--aptopt=APT::Install-Recommends "false"',
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/info/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    '--customize-hook=chroot "$1" useradd --create-home --uid 1000 --shell /bin/bash browser',
)

_CONTAINED = (
    *("setpriv", "--pdeathsig", "KILL"),
    *("unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "--propagation=private"),
)
"""mmdebstrap mounts things in its tree: with these, a killed build leaves no mount and no process."""

_FEATURES = ("-t", "ext4", "-q", "-F", "-m", "0", "-L", "browser-vm", "-E", "lazy_itable_init=0")


def recipe_digest(paths: LabPaths) -> str:
    """What the disk is made by; another recipe is another disk."""
    suite = debian.chosen(paths).suite
    return digest_of_text("\n".join((suite, DISK_SIZE, *PACKAGES, *_OPTIONS, *_FEATURES)))


def base_disk(paths: LabPaths) -> Path:
    """The disk with all packages and nothing of ours; made where the cache has none."""
    disk = paths.cache / f"packages-{recipe_digest(paths)[:16]}.ext4"
    if not disk.exists():
        for leftover in paths.cache.glob("packages.*/"):
            shutil.rmtree(leftover)
        with tempfile.TemporaryDirectory(dir=paths.cache, prefix="packages.") as folder:
            fresh = _make(Path(folder), debian.chosen(paths).suite)
            fresh.rename(disk)
        _forget_others(disk)
    return disk


def _make(folder: Path, suite: str) -> Path:
    tree, disk = folder / "tree", folder / "disk.ext4"
    words: list[str | Path] = [
        *_CONTAINED,
        "mmdebstrap",
        *_OPTIONS,
        f"--include={','.join(PACKAGES)}",
        suite,
        tree,
    ]
    sources = folder / "sources.list"
    if text := debian.sources(Path("/etc/apt"), suite):
        sources.write_text(text)
        words.append(sources)
    run(words, timeout_s=1800, hint="the machine's own apt sources are used: try apt-get update")
    run(["mke2fs", *_FEATURES, "-d", tree, disk, DISK_SIZE], timeout_s=600, hint="install e2fsprogs")
    # Thousands of files in a few places: much quicker here than when the temporary folder goes.
    shutil.rmtree(tree)
    return disk


def _forget_others(disk: Path) -> None:
    for other in disk.parent.glob("packages-*.ext4"):
        if other != disk:
            other.unlink()


class PackageError(HarnessError):
    """A package could not be had, or is not what it should be."""


def download(package: str, folder: Path) -> Path:
    """Fetch one package with the machine's own apt and unpack it, never installing it; returns the tree."""
    hint = "is the machine's package list there? try: apt-get update"
    # apt would drop to a user that cannot write into a folder of root's.
    run(
        ["apt-get", "-o", "APT::Sandbox::User=root", "download", package],
        timeout_s=300,
        cwd=folder,
        hint=hint,
    )
    found = sorted(folder.glob("*.deb"))
    if len(found) != 1:
        raise PackageError(f"apt-get download {package} left {len(found)} packages in {folder}", hint=hint)
    tree = folder / "tree"
    run(["dpkg-deb", "-x", found[0], tree], timeout_s=120)
    found[0].unlink()
    return tree
