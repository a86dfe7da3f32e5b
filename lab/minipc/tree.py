"""The twin's Debian: a tree of packages, cached by recipe, and a copy of it with everything that is ours.

The twin never writes to its tree: it runs on a temporary overlay, so every boot begins with the same host.
"""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from pathlib import Path

from harness.run import run
from lab import debian
from lab.debian import Debian
from lab.digest import digest_of_file, digest_of_text, digest_of_tree
from lab.image.packages import PackageError
from lab.minipc import deployment, keys
from lab.paths import CODE_IN_TWIN, STATE_ON_HOST, LabPaths

_DATABASE_SETTINGS = Path(__file__).parent / "postgresql.conf"

PACKAGES = (
    *(
        "systemd",
        "systemd-sysv",
        "dbus",
        "openssh-server",
        "sudo",
        "util-linux",
        "procps",
        "e2fsprogs",
        "kmod",
    ),
    *("iproute2", "iputils-ping", "iptables", "nftables", "socat", "ca-certificates", "curl"),
    *("qemu-system-x86", "python3", "novnc"),
)

_OPTIONS = (
    "--mode=root",
    "--variant=minbase",
    "--format=directory",
    '--aptopt=APT::Install-Recommends "false"',
    '--aptopt=Acquire::Languages "none"',
    "--dpkgopt=force-unsafe-io",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/info/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    '--customize-hook=chroot "$1" useradd -m -u 1000 -s /bin/bash -p "*" polydev',
)

# Should this process be killed, setpriv has the kernel end unshare, and that ends all of the PID namespace.
_CONTAINED = (
    *("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--mount-proc"),
    *("--kill-child", "--propagation=slave", "--"),
)

ENABLED = (
    *("systemd-networkd.service", "ssh.service"),
    *("lab-database.service", "lab-provider.service", "master-controller.service"),
)
"""The units of every deployment."""

_MASKED = (
    *("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer"),
    *("e2scrub_reap.service", "fstrim.timer", "console-getty.service", "getty.target"),
    *("systemd-networkd-wait-online.service", "systemd-resolved.service", "systemd-timesyncd.service"),
    *("systemd-update-utmp.service", "systemd-update-utmp-runlevel.service", "ldconfig.service"),
    *("systemd-journal-catalog-update.service", "systemd-update-done.service", "systemd-firstboot.service"),
    "systemd-logind.service",
    "ssh.socket",  # enabled by a first boot: where it came before ssh.service, that could not be reloaded
)


def build(paths: LabPaths, *, force: bool = False) -> bool:
    """Have the twin's tree as it should be; says whether anything had to be made."""
    digest = wanted_digest(paths)
    stamp = paths.minipc / "etc/acceptance-lab"
    if not force and stamp.exists() and stamp.read_text().strip() == digest:
        return False
    base = _base(paths, debian.chosen(paths), force=force)
    fresh = paths.minipc.with_name("minipc.new")
    remove(fresh)
    run(["cp", "-a", "--reflink=auto", base, fresh], timeout_s=600)
    _configure(fresh, paths)
    (fresh / stamp.relative_to(paths.minipc)).write_text(f"{digest}\n")
    remove(paths.minipc)
    fresh.rename(paths.minipc)
    return True


def is_current(paths: LabPaths) -> bool:
    """Whether the tree is there and has all its present inputs."""
    stamp = paths.minipc / "etc/acceptance-lab"
    return stamp.exists() and stamp.read_text().strip() == wanted_digest(paths)


def wanted_digest(paths: LabPaths) -> str:
    """What the tree is known by that is made of what is here now."""
    one, release = deployment.chosen(paths), debian.chosen(paths)
    secrets = [digest_of_file(file) for file in _secret_files(paths)]
    told = [f"{name}={value}" for name, value in one.environment(paths).items()]
    overlays = map(digest_of_tree, one.overlays)
    files = map(digest_of_file, (Path(__file__), _DATABASE_SETTINGS))
    return digest_of_text("\n".join((_recipe(release), one.name, *overlays, *files, *secrets, *told)))


def _secret_files(paths: LabPaths) -> list[Path]:
    passwords = [paths.keys / f"{role}.password" for role in keys.DATABASE_ROLES]
    test_user = keys.test_user_password_file(paths)
    return [keys.host_key(paths), paths.ssh_key.with_suffix(".pub"), *passwords, test_user]


def units(paths: LabPaths) -> tuple[str, ...]:
    """The units that make the host what it is."""
    return (*ENABLED, *deployment.chosen(paths).units)


def _packages(release: Debian) -> tuple[str, ...]:
    return (*PACKAGES, f"postgresql-{release.postgresql}")


def _recipe(release: Debian) -> str:
    return digest_of_text("\n".join((release.suite, *_packages(release), *_OPTIONS, _pins(release))))


def _pins(release: Debian) -> str:
    """apt's preferences to have some from the older release, with what only that has for it."""
    if not release.pinned:
        return ""
    older = f"Pin: release n={debian.BOOKWORM.suite}*"  # and what it has updated, as this machine has it
    stanzas = [("*", 100), *((f"src:{name}", 990) for name in release.pinned)]
    return "\n".join(f"Package: {name}\n{older}\nPin-Priority: {priority}\n" for name, priority in stanzas)


def _base(paths: LabPaths, release: Debian, *, force: bool) -> Path:
    base = paths.cache / f"minipc-{_recipe(release)[:16]}"
    if force or not base.exists():
        for half_made in paths.cache.glob("minipc.*"):
            remove(half_made)
        with tempfile.TemporaryDirectory(dir=paths.cache, prefix="minipc.") as folder:
            fresh = _make(Path(folder), release)
            remove(base)
            fresh.rename(base)
        for other in paths.cache.glob("minipc-*"):
            if other != base:
                remove(other)
    return base


def _make(folder: Path, release: Debian) -> Path:
    tree, sources, pins = (folder / name for name in ("tree", "sources.list", "preferences"))
    pins.write_text(_pins(release))
    words: list[str | Path] = [
        *_CONTAINED,
        "mmdebstrap",
        *_OPTIONS,
        f'--setup-hook=install -D -m 644 {shlex.quote(str(pins))} "$1/etc/apt/preferences.d/lab"',
        f"--include={','.join(_packages(release))}",
        release.suite,
        tree,
    ]
    if text := _sources(Path("/etc/apt"), release):
        sources.write_text(text)
        words.append(sources)
    run(words, timeout_s=1800, hint="the machine's own apt sources are used: try apt-get update")
    return tree


def _sources(folder: Path, release: Debian) -> str:
    """Of the release, and of the older one where something is pinned to that.

    :raises PackageError: something is, and this machine names no sources.
    """
    text = debian.sources(folder, release.suite)
    older = debian.sources(folder, debian.BOOKWORM.suite) if release.pinned else ""
    if release.pinned and not (text and older):
        raise PackageError(
            f"this machine's apt sources do not name {release.suite} and {debian.BOOKWORM.suite}",
            hint=f"this host has {', '.join(release.pinned)} from the older one: name both",
        )
    return text + older


def _configure(root: Path, paths: LabPaths) -> None:
    one, release = deployment.chosen(paths), debian.chosen(paths)
    for overlay in one.overlays:
        run(["cp", "-r", "--preserve=mode", f"{overlay}/.", root], timeout_s=60)
    for folder in (STATE_ON_HOST, CODE_IN_TWIN, Path("/root/.ssh"), Path("/home/polydev/.ssh")):
        (root / folder.relative_to("/")).mkdir(mode=0o755, parents=True, exist_ok=True)
    for stale in (*(root / "etc/ssh").glob("ssh_host_*"), *(root / "etc/apt").glob("sources.list*")):
        remove(stale)
    (root / "etc/machine-id").write_text("uninitialized\n")
    _install_secrets(root, paths)
    _install_database(root, release)
    run(["systemctl", f"--root={root}", "enable", "--quiet", *units(paths)], timeout_s=60)
    run(["systemctl", f"--root={root}", "mask", "--quiet", *_MASKED], timeout_s=60)


def _install_database(root: Path, release: Debian) -> None:
    """What has PostgreSQL's version in its name or text."""
    settings = root / f"etc/postgresql/{release.postgresql}/main/conf.d"
    shutil.copyfile(_DATABASE_SETTINGS, settings / "lab.conf")
    after = root / "etc/systemd/system/lab-database.service.d/postgresql.conf"
    after.parent.mkdir()
    after.write_text(f"[Unit]\nAfter={release.database_unit}\nRequires={release.database_unit}\n")


def _install_secrets(root: Path, paths: LabPaths) -> None:
    host_key = root / "etc/ssh/ssh_host_ed25519_key"
    keys.write_private(host_key, keys.host_key(paths).read_text())
    shutil.copyfile(keys.host_key(paths).with_suffix(".pub"), host_key.with_suffix(".pub"))
    shutil.copyfile(paths.ssh_key.with_suffix(".pub"), root / "home/polydev/.ssh/authorized_keys")
    for owned in (root / "home/polydev/.ssh", root / "home/polydev/.ssh/authorized_keys"):
        os.chown(owned, 1000, 1000)
        owned.chmod(0o700)
    passwords = "".join(
        f"{role.upper()}_PASSWORD={keys.password(paths, role)}\n" for role in keys.DATABASE_ROLES
    )
    keys.write_private(root / "etc/lab-database.env", passwords)
    told = {
        "DATABASE_URL": keys.database_url(paths, "controller"),
        **deployment.chosen(paths).environment(paths),
    }
    settings = "".join(f"{name}={value}\n" for name, value in told.items())
    keys.write_private(root / "etc/master-controller.env", settings)
    test_user = keys.test_user_password_file(paths).read_text().strip()
    user = f"TEST_USER={keys.TEST_USER}\nTEST_USER_PASSWORD={test_user}\n"
    keys.write_private(root / "etc/lab-provider.env", user)


def remove(path: Path) -> None:
    """Delete a file, a link or a whole folder; nothing happens where there is none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
