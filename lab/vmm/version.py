"""What this VMM says it is."""

VERSION = "1.16.1"
SNAPSHOT_VERSION = (10, 0, 0)
APP_NAME = "Firecracker"
LOOK_ALIKE = "QEMU microvm look-alike of the acceptance lab (guests and snapshots are not Firecracker's own)"


def snapshot_version_text() -> str:
    """The snapshot format's version as ``--snapshot-version`` prints it."""
    return "v" + ".".join(str(part) for part in SNAPSHOT_VERSION)
