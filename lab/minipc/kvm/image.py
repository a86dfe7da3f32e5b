"""A disk image with XFS, and work in it that leaves no mount behind, whatever ends it."""

from __future__ import annotations

from pathlib import Path

from harness.run import Result, run

_CONTAINED = (
    *("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--mount-proc"),
    *("--kill-child", "--propagation=private", "--"),
)
_MOUNT = 'image=$1 place=$2; shift 2; mount -t xfs -o loop,noatime "$image" "$place"; cd "$place"\n'


def make(file: Path, *, size: int) -> None:
    """Make an empty one, with reflinks."""
    file.unlink(missing_ok=True)
    with file.open("wb") as image:
        image.truncate(size)
    run(["mkfs.xfs", "-q", "-m", "reflink=1", file], timeout_s=120, hint="install xfsprogs")


def work(file: Path, script: str, *words: str | Path, timeout_s: float) -> Result:
    """Run a shell script in it as root, as its working folder; ``words`` are the script's own."""
    place = file.with_suffix(".mnt")
    place.mkdir(exist_ok=True)
    try:
        return run(
            [*_CONTAINED, "bash", "-euo", "pipefail", "-c", _MOUNT + script, "work", file, place, *words],
            timeout_s=timeout_s,
        )
    finally:
        place.rmdir()
