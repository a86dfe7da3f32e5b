"""What a verdict is about: which suite asked what of which deployment, and how busy both sides were.

Models of ``verdict.json``. What is not known is null, and :attr:`About.unknown` says why.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from harness.outward import told

Told = Annotated[str, AfterValidator(told)]
"""A text of a site's: it goes by the door out."""
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""sha256 in hexadecimal. We reckoned it ourselves: there is nothing of a site's to cut out of it."""
Size = Annotated[int, Field(ge=0, lt=1 << 63)]
Share = Annotated[float, Field(ge=0, le=1)]

ROLES = ("vmstate", "memory", "disk", "kernel", "initrd", "manifest")
"""What files of a golden snapshot are for, as the profile's ``snapshot`` names them."""


class Part(BaseModel):
    """A table of ``verdict.json``: unknown keys are refused.

    What is filled in later goes by the door out, too.
    """

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True, validate_assignment=True)


class Suite(Part):
    """Who asked."""

    version: str
    """Of the project."""
    checks_sha256: Digest
    """Of the checks, and of all that they judge by."""
    machine_sha256: Digest | None = None
    """Of the machine-id of the machine that it ran on, by whose clock it began and ended; null where none."""


class Profile(Part):
    """What was asked of."""

    file: Told
    """Where it lay."""
    sha256: Digest
    """Of every value in force, the defaults too; what may be a secret is left out."""


class HostPart(Part):
    """The hypervisor host."""

    address: Told
    """As the profile names it, or `this machine`."""
    name: Told | None = None
    """What it calls itself."""
    machine_id_sha256: Digest | None = None
    """Of its machine-id, for this project only."""
    kernel: Told | None = None
    """Its release."""
    systemd: Told | None = None
    """Its version."""
    vmm: Told | None = None
    """What the VMM says is its version."""
    snapshot_format: Told | None = None
    """The version of snapshots that it says it reads."""


class SnapshotFile(Part):
    """A file of the golden snapshot on the host."""

    path: Told
    size: Size | None = None
    sha256: Digest | None = None


class SnapshotPart(Part):
    """The golden snapshot: its files by what they are for."""

    vmstate: SnapshotFile | None = None
    memory: SnapshotFile | None = None
    disk: SnapshotFile | None = None
    kernel: SnapshotFile | None = None
    initrd: SnapshotFile | None = None
    manifest: SnapshotFile | None = None

    @property
    def files(self) -> dict[str, SnapshotFile]:
        """Those that there are, by role."""
        return {role: one for role in ROLES if (one := getattr(self, role)) is not None}


class AgentPart(Part):
    """The agent in a clone of the golden snapshot."""

    sha256: Digest | None = None
    """Of its files, node, and what its unit is made of, as they were in the booted clone."""
    files: Size | None = None
    """How many they were."""


class DatabasePart(Part):
    """The database."""

    server_version: Told | None = None
    """What the server says is its version."""


class BusyPart(Part):
    """How busy a machine was between the first and the last look at it."""

    processors: Size | None = None
    load: tuple[float | None, float | None] = (None, None)
    """Tasks that ran or waited, over the minute before begin and end."""
    pressure: dict[str, Share] = {}
    """`cpu`, `memory`, `io`: the share of the time in which some task waited for it."""


class Busyness(Part):
    """Both sides."""

    host: BusyPart | None = None
    suite: BusyPart | None = None


class Measured(Part):
    """Numbers by which the runs on one snapshot are held against those on another."""

    restore_healthy_s: Annotated[float, Field(ge=0)] | None = None
    """From the moment the shared clone was told to run to its agent's first healthy answer."""
    cold_boot_healthy_s: Annotated[float, Field(ge=0)] | None = None
    """The same of a VM that booted from the golden disk, while other experiments run."""
    clone_private_kib: Size | None = None
    """Memory that the shared clone's VMM had for itself once its agent was healthy."""


class About(Part):
    """All of it."""

    profile: Profile
    suite: Suite
    host: HostPart
    snapshot: SnapshotPart
    agent: AgentPart
    database: DatabasePart
    busy: Busyness
    measured: Measured = Measured()
    unknown: dict[str, Told]
    """What of it is not known, by its place (`snapshot.memory.sha256`), and why."""
