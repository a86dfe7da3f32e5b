"""The golden VM's root disk: the packages' disk, and on it everything that is ours."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.run import run
from lab import debian, npm
from lab.image import login_library
from lab.image.kernel import Kernel
from lab.paths import LabPaths

HERE = Path(__file__).parent
AGENT = HERE / "agent"
GUARD = HERE / "guard"
OVERLAY = HERE / "overlay"
AGENT_SETTINGS = HERE / "agent.env"

AGENT_IN_GUEST = Path("/root/vm-browser-agent")
AGENT_SETTINGS_IN_GUEST = AGENT_IN_GUEST / ".env"
UNIT_IN_GUEST = Path("/etc/systemd/system/browser-vm-auth.service")
GUARD_IN_GUEST = Path("/usr/local/lib/clone-guard/guard")
NODE_IN_GUEST = Path("/usr/bin/node")
"""Upstream's build, with its start in a snapshot: Debian's compiles its own library whenever it starts, which
takes an emulated guest four times as long."""
GENERATORS_IN_GUEST = Path("/etc/systemd/system-generators")

ENABLED = (
    *("systemd-networkd.service", "systemd-networkd-wait-online.service", "ssh.service"),
    *("browser-vm-auth.service", "vnc.service", "openbox.service", "chromium.service", "novnc.service"),
)

MASKED = (
    # Timers: a clone's clock jumps, and everything that is due would run at once in all clones.
    *(
        "apt-daily.timer",
        "apt-daily-upgrade.timer",
        "dpkg-db-backup.timer",
        "e2scrub_all.timer",
        "fstrim.timer",
    ),
    *("systemd-tmpfiles-clean.timer", "e2scrub_reap.service"),
    # A saved seed would be one more thing that clones share.
    "systemd-random-seed.service",
    # Nobody logs in at a console, and its output must stay what the kernel and clone-guard say.
    *("getty@tty1.service", "serial-getty@ttyS0.service", "getty.target", "systemd-logind.service"),
    # Nothing here needs these, and each costs time at boot.
    *("modprobe@.service", "sys-kernel-debug.mount", "sys-kernel-tracing.mount", "dev-hugepages.mount"),
    *("dev-mqueue.mount", "systemd-update-utmp.service", "systemd-update-utmp-runlevel.service"),
    *("systemd-journal-flush.service", "systemd-pstore.service", "systemd-binfmt.service"),
    *("systemd-firstboot.service", "ldconfig.service", "systemd-journal-catalog-update.service"),
    *("systemd-update-done.service", "systemd-sysusers.service", "systemd-fsck-root.service"),
    "systemd-machine-id-commit.service",
)


UNUSED_GENERATORS = (
    *("bless-boot", "cryptsetup", "getty", "gpt-auto", "hibernate-resume", "integritysetup", "rc-local"),
    *("run", "ssh", "system-update", "sysv", "tpm2", "veritysetup"),
)
"""Run at every boot and every daemon-reload, each a process, and what they look for is not here.
Not debug: it reads ``systemd.mask`` of the kernel's command line, by which a boot leaves the desktop out."""


def write_disk(disk: Path, *, base: Path, kernel: Kernel, paths: LabPaths) -> None:
    """Write ``disk``: a reflink copy of ``base`` with agent, guard, units, keys and settings.

    The caller is in a mount namespace of its own, so that no mount outlives it.
    """
    run(["cp", "--reflink=auto", "--sparse=always", base, disk], timeout_s=300)
    with _mounted(disk) as root:
        run(["cp", "-r", "--preserve=mode", f"{OVERLAY}/.", root], timeout_s=60)
        _install(AGENT, root, AGENT_IN_GUEST)
        shutil.copyfile(AGENT_SETTINGS, _inside(root, AGENT_SETTINGS_IN_GUEST))
        _install(login_library.node_modules(paths.cache), root, AGENT_IN_GUEST / "node_modules")
        _install(GUARD, root, GUARD_IN_GUEST)
        shutil.copyfile(debian.chosen(paths).unit, _inside(root, UNIT_IN_GUEST))
        shutil.copytree(kernel.modules, root / "lib/modules" / kernel.release)
        run(["chroot", root, "depmod", kernel.release], timeout_s=60)
        shutil.copy(npm.node(), _inside(root, NODE_IN_GUEST))
        _mask_generators(root)
        _install_keys(root, paths)
        (root / "etc/machine-id").write_text(f"{secrets.token_hex(16)}\n")
        run(["systemctl", f"--root={root}", "enable", "--quiet", *ENABLED], timeout_s=60)
        run(["systemctl", f"--root={root}", "mask", "--quiet", *MASKED], timeout_s=60)


def _install(source: Path, root: Path, target: Path) -> None:
    shutil.copytree(
        source, _inside(root, target), ignore=shutil.ignore_patterns("__pycache__", "node_modules")
    )


def _inside(root: Path, path: Path) -> Path:
    return root / path.relative_to("/")


def _mask_generators(root: Path) -> None:
    folder = _inside(root, GENERATORS_IN_GUEST)
    folder.mkdir(exist_ok=True)
    for name in UNUSED_GENERATORS:
        (folder / f"systemd-{name}-generator").symlink_to("/dev/null")


def _install_keys(root: Path, paths: LabPaths) -> None:
    for stale in (root / "etc/ssh").glob("ssh_host_*"):
        stale.unlink()
    host_key = root / "etc/ssh/ssh_host_ed25519_key"
    shutil.copyfile(paths.guest_host_key, host_key)
    host_key.chmod(0o600)
    shutil.copyfile(paths.guest_host_key.with_suffix(".pub"), host_key.with_suffix(".pub"))
    folder = root / "root/.ssh"
    folder.mkdir(mode=0o700, exist_ok=True)
    shutil.copyfile(paths.ssh_key.with_suffix(".pub"), folder / "authorized_keys")
    (folder / "authorized_keys").chmod(0o600)


@contextmanager
def _mounted(disk: Path) -> Iterator[Path]:
    place = disk.with_suffix(".mnt")
    place.mkdir(exist_ok=True)
    run(["mount", "-t", "ext4", "-o", "loop,noatime", disk, place], timeout_s=60)
    try:
        yield place
    finally:
        run(["umount", place], timeout_s=120)
        place.rmdir()
