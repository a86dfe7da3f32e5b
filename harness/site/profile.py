"""The site profile: everything a check may know about a deployment, as one frozen, validated model.

Longer than other modules on purpose: it is a table, one documented field a line, and the reference for
``sites/*.toml``. Every default is the runbook's value; who logs in to which host has none. Durations are in
seconds, sizes in MiB.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv4Interface
from pathlib import PurePosixPath
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, Strict, model_validator

from harness.check_names import ITEM_KEYS
from harness.site.kinds import (
    AbsolutePath,
    Address,
    CheckName,
    Count,
    Day,
    Device,
    Flag,
    HexColour,
    Hidden,
    HostAlias,
    HostPort,
    HttpUrl,
    Ipv4,
    Ipv4Network,
    ItemKey,
    Line,
    LocalPath,
    Login,
    LongSeconds,
    Mac,
    Mebibytes,
    Name,
    Number,
    Pattern,
    Port,
    Program,
    Reason,
    Relation,
    Seconds,
    SecretsFile,
    SecretsVariable,
    Selector,
    SessionPath,
    SshPath,
    Text,
    Unit,
    Untold,
    UrlPath,
    Uuid,
    Variable,
    Version,
    Word,
)
from harness.site.levels import ERROR_PATTERN
from harness.site.patterns import is_found

_DEVICE_NAME = 15  # IFNAMSIZ, less the byte that ends it
_MOST_VMS = 1 << 16

Names = Annotated[tuple[Name, ...], Field(min_length=1)]


def _refuse(faults: Mapping[str, bool]) -> None:
    """Say every fault that there is of those that may be."""
    if told := [fault for fault, is_so in faults.items() if is_so]:
        raise ValueError("; ".join(told))


def _is_within(path: str, folder: str | None) -> bool:
    return folder is not None and PurePosixPath(path).is_relative_to(folder)


def _admits_none(annotation: object) -> bool:
    return type(None) in get_args(annotation)


class Section(BaseModel):
    """A table of the profile: unknown keys are refused, values never change."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True
    )

    @model_validator(mode="before")
    @classmethod
    def _read_none(cls, table: object) -> object:
        """TOML has no null: ``"none"`` says it, in every field that may be none."""
        if not isinstance(table, dict):
            return table
        may_be_none = {name for name, field in cls.model_fields.items() if _admits_none(field.annotation)}
        return {
            key: None if key in may_be_none and value == "none" else value for key, value in table.items()
        }


class HostSection(Section):
    """How to reach the hypervisor host, and what must be left free on it."""

    transport: Literal["ssh", "local"] = "ssh"
    """`ssh`, or `local` where the suite runs on the host itself."""
    address: Address = ""
    """Name or address for SSH; `local` needs none. It has no default: no host is tried that was not named."""
    port: Port = 22
    """SSH port."""
    user: Login = ""
    """Login user for SSH; needs password-less sudo unless it is root. `local` needs none."""
    identity_file: SshPath | None = None
    """Private key; none leaves the choice to ssh and its agent."""
    known_hosts_file: SshPath | None = None
    """known_hosts file to check the host key against; none means the user's own."""
    host_key_alias: HostAlias | None = None
    """Name under which the host key stands in the known_hosts file."""
    proxy_command: Annotated[Text | None, Hidden] = None
    """ssh ProxyCommand, for a host that is reached through something else."""
    connect_timeout_s: Seconds = 10
    """Time for TCP connect and login."""
    free_disk_mib: Mebibytes = 4096
    """Room one more clone needs where VM state lives."""
    free_memory_mib: Mebibytes = 1024
    """Memory one more clone needs."""
    clock_skew_s: Seconds = 2
    """Largest difference allowed between any two of host, database and suite."""
    settle_s: Seconds = 10
    """A thing without a row, a row without its thing, or a row at odds with another or with itself, counts
    when it is still so after this: a VM that is just being launched or destroyed has by then got, or lost,
    all that belongs to it."""


class VmmSection(Section):
    """The Firecracker binary."""

    binary: Program = "firecracker"
    """Path or name on the host's PATH (as root)."""
    process_name: Name = "firecracker"
    """Name of a VMM process in the process table."""
    version: Version = "1."
    """What the version must start with, without the leading v."""
    kvm: AbsolutePath | None = "/dev/kvm"
    """The device of KVM; `none` where the VMM needs none."""
    start_timeout_s: Seconds = 10
    """Until the API socket answers."""
    load_timeout_s: Seconds = 30
    """For PUT /snapshot/load."""


class StateSection(Section):
    """Where VM state lives on the host."""

    vms_dir: AbsolutePath | None = "/var/lib/firecracker/vms"
    """One entry per VM, its name starting with the VM id. `none` where a VM has all of its state in its jail,
    below `jails_dir`: not where a disk is mounted or linked into that from a folder with an entry per VM."""
    sockets_dir: AbsolutePath | None = "/var/run/firecracker"
    """API sockets, `<vm id>*.sock`. `none` where each lies in its VM's jail, and no folder has links to
    them."""
    jails_dir: AbsolutePath | None = None
    """The jailer's `--chroot-base-dir`, by default /srv/jailer: there each VMM runs in `<program>/<id>/root`,
    its id a VM's or that without its prefix. `none` where no jailer is used."""
    vm_id_pattern: Pattern = r"vm-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    """A VM id; also how ids are found in names and command lines."""
    clones_dir: AbsolutePath | None = None
    """Where the disks of the suite's own clones go, on the file system of the golden disk so that a copy
    costs nothing; none means beside the golden disk's directory. Never inside `vms_dir`. Hosts may share it:
    a run removes only what a note says is of a dead run of the same host."""
    ignored_entries: tuple[Text, ...] = ("lost+found",)
    """Names in vms_dir that are no VM's."""
    tap_prefix: Device = "fc-"
    """Every TAP device of a VM starts with this; it is called so where tap_id_characters is `none`, and then
    must be given."""
    tap_id_characters: Annotated[Count, Field(ge=1, le=12)] | None = 8
    """How many characters of the VM id follow the prefix; a device's name has at most 15 in all. `none` where
    each VM has a network namespace of its own, and the TAPs in them are all called the same: whose one is, is
    told by the VMM in its namespace, or by the namespace's name, which holds the VM id, or at least its first
    11 characters, where these are no other VM's."""

    @model_validator(mode="after")
    def _consistent(self) -> StateSection:
        clones, jails = self.clones_dir or "/", self.jails_dir
        length = len(self.tap_prefix) + (self.tap_id_characters or 0)
        _refuse(
            {
                f"tap_prefix and tap_id_characters come to {length} characters, and a device's name has 15": (
                    length > _DEVICE_NAME
                ),
                "tap_id_characters is none, and tap_prefix does not say what all TAPs are called": (
                    self.tap_id_characters is None and "tap_prefix" not in self.model_fields_set
                ),
                "vms_dir or sockets_dir is none, and jails_dir does not say where VMs have theirs": (
                    jails is None and None in (self.vms_dir, self.sockets_dir)
                ),
                "clones_dir is vms_dir, or inside of it": _is_within(clones, self.vms_dir),
                "clones_dir is sockets_dir, or inside of it": _is_within(clones, self.sockets_dir),
                "clones_dir is jails_dir, or inside of it": _is_within(clones, jails),
                "vm_id_pattern matches the path of vms_dir or of sockets_dir, which names no VM": any(
                    is_found(self.vm_id_pattern, one) for one in (self.vms_dir, self.sockets_dir) if one
                ),
                "vm_id_pattern matches the path of jails_dir, which names no VM": (
                    self.vms_dir is None and jails is not None and is_found(self.vm_id_pattern, jails)
                ),
            }
        )
        return self

    @property
    def home(self) -> str:
        """Where a VM's disk lies: in the folder of VM state, or else in its jail."""
        return self.vms_dir or self.jails_dir or ""

    @property
    def folders(self) -> tuple[str, ...]:
        """All that things of VMs lie in."""
        kept = (self.vms_dir, self.sockets_dir, self.jails_dir)
        return tuple(one for one in kept if one is not None)

    def tap_of(self, vm_id: str) -> str:
        """What the TAP device of a VM is called."""
        return self.tap_prefix + vm_id[: self.tap_id_characters or 0]

    def is_a_vms(self, tap: str) -> bool:
        """Whether a TAP device is called as those of VMs are."""
        return tap == self.tap_prefix or (
            self.tap_id_characters is not None and tap.startswith(self.tap_prefix)
        )

    def is_every_vms(self, tap: str) -> bool:
        """Whether that name says of no TAP device which VM's it is."""
        return self.tap_id_characters is None and tap == self.tap_prefix


class NetworkSection(Section):
    """The bridge between host and VMs."""

    bridge: Device = "fcbr0"
    """Bridge device."""
    bridge_address: Ipv4Network = IPv4Interface("192.168.100.1/24")
    """Its address."""
    first_vm: Ipv4 = IPv4Address("192.168.100.2")
    """Lowest address a VM may have."""
    last_vm: Ipv4 = IPv4Address("192.168.100.254")
    """Highest address a VM may have."""

    @model_validator(mode="after")
    def _consistent(self) -> NetworkSection:
        network, first, last = self.bridge_address.network, self.first_vm, self.last_vm
        ends = {network.network_address, network.broadcast_address}
        _refuse(
            {
                f"first_vm {first} is above last_vm {last}": first > last,
                f"first_vm and last_vm are not both in the bridge's network {network}": not (
                    first in network and last in network
                ),
                f"first_vm or last_vm is an end of the network {network}": bool(ends & {first, last}),
                f"more than {_MOST_VMS} addresses for VMs": int(last) - int(first) >= _MOST_VMS,
            }
        )
        return self


class SnapshotSection(Section):
    """The golden snapshot on the host."""

    vmstate: AbsolutePath | None = "/var/lib/firecracker/snapshots/browser-vm-golden.snap"
    """Device state. None for a deployment that cold-boots every VM."""
    memory: AbsolutePath | None = "/var/lib/firecracker/snapshots/browser-vm-golden.mem"
    """Memory file."""
    disk: AbsolutePath = "/var/lib/firecracker/snapshots/browser-vm-golden.ext4"
    """Root disk (ext4)."""
    copy_s: Seconds = 120
    """For a clone's own copy of the disk: no time where the file system has reflinks, minutes where not."""
    kernel: AbsolutePath | None = "/var/lib/firecracker/snapshots/vmlinux"
    """Kernel for a cold boot from the same disk."""
    initrd: AbsolutePath | None = None
    """Initial RAM disk for a cold boot, where the kernel needs one."""
    boot_args: Text = "console=ttyS0 reboot=k panic=1 rw"
    """Kernel command line for a cold boot."""
    manifest: AbsolutePath | None = None
    """manifest.json with sizes and sha256 of the files; none where the build writes none."""
    inputs: tuple[AbsolutePath, ...] = ()
    """Files on the host that the snapshot is built from: it must not be older than any of them."""
    disk_files: dict[AbsolutePath, AbsolutePath] = {}
    """Where no manifest says what the disk must hold: path in the guest = the same file on the host."""
    drive_id: Word = "rootfs"
    """The root drive's id in the snapshot."""
    iface_id: Word = "eth0"
    """The network interface's id in the snapshot."""
    clone_metadata: Literal["none", "mmds"] = "none"
    """How a clone learns the time and that it is a clone: by itself (`none`: a clock that goes on while it is
    not running), or from the metadata service (`mmds`: `/clone` with `time` and `generation`)."""
    clock_realtime: Flag = False
    """The controller loads the snapshot with `clock_realtime` (Firecracker 1.16 or newer), and so do we."""
    vsock: Flag = False
    """The snapshot has a vsock device: each clone gets a socket of its own by `vsock_override` (Firecracker
    1.16 or newer), and would else take that of the VM which the snapshot is of."""
    guest_address: Ipv4Network = IPv4Interface("192.168.100.2/24")
    """The guest's own address inside the snapshot."""
    gateway: Ipv4 = IPv4Address("192.168.100.1")
    """The host's end, as the guest knows it."""
    guest_mac: Mac | None = None
    """MAC for a cold boot; none gives each clone one of its own, as a launcher does."""
    vcpus: Annotated[Count, Field(ge=1, le=32)] = 2
    """For a cold boot."""
    memory_mib: Annotated[Mebibytes, Field(ge=128)] = 2048
    """For a cold boot, and what the memory file must hold."""
    max_age_days: Annotated[Number, Field(gt=0, le=36_500)] | None = None
    """Older than this is a failure; none for no limit."""


class ControllerSection(Section):
    """master-controller."""

    unit: Unit = "master-controller.service"
    """systemd unit on the host."""
    url: HttpUrl = "http://127.0.0.1:4000"
    """Its API, as seen from the host."""
    health_path: UrlPath = "/health"
    """Answers 200 when it is up."""
    error_pattern: Pattern = ERROR_PATTERN
    """A line of the controller's logs that matches, without its colours, is an error. By default what says
    so at the place of its level (`[ERROR]`, `ERROR:`, FATAL and CRITICAL likewise), in its JSON
    (`"level":50`) or as `level=error`, and what begins with the name of an error, as `TypeError:`."""
    ignore_errors: tuple[Pattern, ...] = ()
    """Patterns of error lines that are known and harmless here; each is shown in the verdict."""
    log_file: AbsolutePath | None = None
    """Log file beside the journal, if any. Each line tells when it was written, as ISO 8601 at its head or in
    its JSON; one that does not belongs to the line before. A time that names no zone is the host's own."""
    stable_s: Seconds = 600
    """A controller that systemd had to restart counts as stable again after running for so long."""
    journal_lines: Annotated[Count, Field(ge=1, le=100_000)] = 5000
    """At most so many of the latest journal lines are read."""


class AgentSection(Section):
    """The Node.js service inside the guest, and its unit."""

    unit: Unit = "browser-vm-auth.service"
    """systemd unit in the guest."""
    unit_file: AbsolutePath = "/etc/systemd/system/browser-vm-auth.service"
    """Its file."""
    directory: AbsolutePath = "/root/vm-browser-agent"
    """Its working directory."""
    entry: AbsolutePath = "/root/vm-browser-agent/server.js"
    """Its main JavaScript file."""
    node: AbsolutePath = "/usr/bin/node"
    """The node binary its unit starts."""
    user: Login = "root"
    """The user it runs as."""
    syslog_identifier: Name | None = "browser-vm-auth"
    """Name of its journal lines; none where its unit gives them none."""
    environment: Annotated[dict[Variable, Line], Hidden] = {"NODE_ENV": "production", "PORT": "8080"}
    """Environment its unit must set. Whatever else it sets is taken for a secret, and shown nowhere."""
    start_pre: Text | None = "/bin/sleep 2"
    """ExecStartPre; none where the deployment has none."""
    restart_s: Seconds = 5
    """RestartSec."""
    open_files: Annotated[int, Strict(), Field(ge=1, le=1 << 31)] | None = 65536
    """LimitNOFILE, at least; none where its unit sets none."""
    memory_limit_mib: Annotated[Mebibytes, Field(ge=1)] | None = 512
    """Effective memory limit; none where its unit sets none."""
    port: Port = 8080
    """HTTP port, on 0.0.0.0."""
    health_path: UrlPath = "/health"
    """Health endpoint."""
    providers: Annotated[tuple[Word, ...], Field(min_length=1)] = ("codex", "claude_code", "gemini_cli")
    """Providers of `POST /auth/<provider>`."""
    database_variable: Variable | None = "SUPABASE_URL"
    """Environment variable with the address of the agent's database; none where it uses none."""
    database_timeout_s: Seconds = 5
    """A database call is given up after this."""
    login_s: Seconds = 5
    """How long a login may take to get its address, beside a database call."""
    database_environment: Annotated[dict[Variable, Line], Hidden] = {
        "SUPABASE_SERVICE_KEY": "acceptance-probe",
        "SUPABASE_SERVICE_ROLE_KEY": "acceptance-probe",
        "SUPABASE_ANON_KEY": "acceptance-probe",
    }
    """Set beside database_variable in a clone whose database never answers, so that the agent asks it at all.
    Never a real secret."""


class GuestSection(Section):
    """What else a VM holds, and how to get in."""

    user: Login = "root"
    """SSH user."""
    identity_file: SshPath | None = None
    """Private key for SSH into a VM."""
    known_hosts_file: SshPath | None = None
    """known_hosts file with the golden snapshot's host keys (alias `browser-vm`); none accepts the key
    that the first clone of a run shows, and holds the others to it; or each VM to its own, where
    shared_identity has no `ssh-host-keys`."""
    ssh_port: Port = 22
    """SSH in the guest."""
    vnc_port: Port = 5901
    """VNC in the guest."""
    vnc_password_env: Annotated[SecretsVariable | None, Untold] = None
    """Environment variable with the password of VNC; none where it wants none."""
    vnc_password_file: Annotated[SecretsFile | None, Untold] = None
    """File with it, for where there is no environment; must not be readable by others."""
    novnc_port: Port = 6080
    """websockify/noVNC in the guest."""
    listening_ports: tuple[Port, ...] = (22, 5901, 6080, 8080)
    """The only ports that may listen beyond loopback. Where `vnc_port` is none of them, VNC is there for
    websockify alone, and is asked from inside the VM."""
    shared_identity: tuple[Literal["machine-id", "ssh-host-keys"], ...] = ("machine-id", "ssh-host-keys")
    """What clones may have in common; shown in the verdict."""
    wait_online_units: Annotated[tuple[Unit, ...], Field(min_length=1)] = (
        "systemd-networkd-wait-online.service",
        "NetworkManager-wait-online.service",
        "ifupdown-wait-online.service",
    )
    """One of these must be enabled and have succeeded, so that network-online.target means something; or
    another that waits, as every `*-wait-online` does, ifupdown's networking.service and cloud-init's."""
    clock_skew_s: Seconds = 2
    """Largest clock error after a restore."""
    restore_health_s: Seconds = 10
    """From resume to a healthy agent."""
    boot_health_s: Seconds = 60
    """From cold boot to a healthy agent."""
    recovery_s: Seconds = 60
    """From a crash of the agent to a healthy one, its restart delay included."""
    request_s: Seconds = 5
    """One HTTP request under load."""
    experiments_at_once: Annotated[Count, Field(ge=1, le=32)] = 6
    """How many clones may be experimented on at once; with fewer than six, more of them share a clone."""
    desktop_units: tuple[Unit, ...] = ()
    """Units that the agent can do without. They are frozen in clones that are experimented on, and left out
    of a cold boot, where their work would only take time (unless a login, or a start of the agent, then comes
    to nothing); none leaves them running."""

    @property
    def vnc_on_loopback(self) -> bool:
        """Whether VNC is to be reached from inside the VM only."""
        return self.vnc_port not in self.listening_ports


_PARTS = {
    "live_vm_statuses": ("processless_vm_statuses", "launching_vm_statuses", "stopping_vm_statuses"),
    "finished_session_statuses": ("stale_session_statuses",),
}
"""Lists of which others are parts."""


class DatabaseSection(Section):
    """Supabase, or any PostgreSQL 15+."""

    url_env: Annotated[SecretsVariable | None, Untold] = "ACCEPTANCE_DATABASE_URL"
    """Environment variable with the connection string (a read-only role is enough)."""
    url_file: Annotated[SecretsFile | None, Untold] = None
    """File with the connection string, for where there is no environment; must not be readable by others."""
    mend_url_env: Annotated[SecretsVariable | None, Untold] = None
    """Environment variable with the connection string of a role that may write, for
    `python -m harness mend --apply` alone; none: no row is mended, and what would be is shown."""
    mend_url_file: Annotated[SecretsFile | None, Untold] = None
    """File with it, for where there is no environment; must not be readable by others."""
    through_host: Flag = False
    """Connect through the host's SSH connection: address and port of the string are as the host sees them."""
    schema_name: Relation = "public"
    """Schema of the tables."""
    statement_timeout_s: Seconds = 30
    """For each query."""
    connect_timeout_s: Seconds = 10
    """Time for connect and login in all, and for the way of each query and its answer."""
    vms_table: Relation = "vms"
    """One row per VM."""
    sessions_table: Relation = "auth_sessions"
    """One row per session."""
    users_table: Relation = "users"
    """One row per user."""
    browser_vm_type: Name = "browser"
    """`vm_type` of a Browser VM."""
    other_vm_types: tuple[Name, ...] = ("cli",)
    """Every other `vm_type` there may be."""
    live_vm_statuses: Names = ("creating", "running", "hibernated", "stopping")
    """Statuses that promise a VM with a process on the host (`hibernated` excepted)."""
    processless_vm_statuses: tuple[Name, ...] = ("hibernated",)
    """Live statuses without a process."""
    launching_vm_statuses: tuple[Name, ...] = ("creating",)
    """Live statuses of a VM that may have no pid and no address in its row yet."""
    stopping_vm_statuses: tuple[Name, ...] = ("stopping",)
    """Live statuses of a VM that is being ended, so that its things may be gone already."""
    destroyed_vm_status: Name = "destroyed"
    """Status of a VM that is gone."""
    other_vm_statuses: tuple[Name, ...] = ("stopped", "failed")
    """Every other status a VM may have."""
    heartbeat_limit_s: LongSeconds | None = None
    """A VM with a process that was silent for longer counts as dead; none where VMs need not report."""
    vmless_session_statuses: tuple[Name, ...] = ("started",)
    """Statuses of an unfinished session that has no VM yet."""
    unfinished_session_statuses: Names = (
        "vm_created",
        "ready",
        "url_captured",
        "awaiting_user_auth",
        "user_authenticating",
    )
    """Statuses of an unfinished session that promise a live VM."""
    finished_session_statuses: Names = ("completed", "failed", "timeout", "cancelled")
    """Statuses of a session that is over."""
    heartbeat_s: Seconds | None = None
    """While a VM runs, its row gets a new `last_heartbeat` within this, again and again, and so does its
    session's where `written_session_columns` has that column; none where the service promises none."""
    written_session_columns: tuple[Name, ...] = ()
    """Columns of a session's row that this service writes beside the runbook's, as `vm_ip`, `vnc_url` or
    `last_heartbeat`: where one is missing, what writes it fails."""
    failed_session_status: Name = "failed"
    """Status of a session that must say why in `error_message`."""
    stale_session_statuses: tuple[Name, ...] = ("failed", "timeout")
    """Finished sessions that the runbook's clean-up deletes."""
    stale_after_h: Annotated[Number, Field(gt=0, le=100 * 366 * 24)] = 24
    """Destroyed browser VMs and failed or timed-out sessions older than this are stale."""
    session_deadline_s: LongSeconds = 1800
    """An unfinished session without `timeout_at` is past its deadline after this."""
    sweep_s: Annotated[Number, Field(ge=0, le=86_400)] = 60
    """A session past its deadline is ended within this: the controller looks for them at intervals."""
    incident_vm: Name | None = "vm-6b03852d-0631-4f91-ae8a-fd352348e9c2"
    """The incident's VM: destroyed, or deleted since."""
    incident_session: Name | None = "86549de0-c3bf-4803-8ef6-af99e2436023"
    """The incident's session: failed, or deleted since."""

    @model_validator(mode="after")
    def _one_source(self) -> DatabaseSection:
        if self.url_env is None and self.url_file is None:
            raise ValueError("one of url_env and url_file is needed")
        return self

    @model_validator(mode="before")
    @classmethod
    def _defaults_among_the_given(cls, given: object) -> object:
        """Where a profile narrows a list and not its part, the part is what is left of the default."""
        if not isinstance(given, Mapping):
            return given
        left = dict(given)
        for whole, parts in _PARTS.items():
            kept = given.get(whole)
            if isinstance(kept, Sequence) and not isinstance(kept, str):
                for name in parts:
                    left.setdefault(name, [one for one in cls.model_fields[name].default if one in kept])
        return left

    @model_validator(mode="after")
    def _consistent(self) -> DatabaseSection:
        """A mend deletes rows by their status: none that lives may be among them."""
        given, live, finished = (
            self.model_fields_set,
            set(self.live_vm_statuses),
            set(self.finished_session_statuses),
        )
        unfinished = {*self.unfinished_session_statuses, *self.vmless_session_statuses}
        _refuse(
            {
                "destroyed_vm_status is also one of live_vm_statuses": self.destroyed_vm_status in live,
                **{
                    f"{name} are not all live_vm_statuses": name in given
                    and not live.issuperset(getattr(self, name))
                    for name in _PARTS["live_vm_statuses"]
                },
                "stale_session_statuses are not all finished_session_statuses": (
                    "stale_session_statuses" in given and not finished.issuperset(self.stale_session_statuses)
                ),
                "a status is in finished_session_statuses and among the unfinished ones": bool(
                    finished & unfinished
                ),
                "a status is in stale_session_statuses and among the unfinished ones": bool(
                    unfinished & set(self.stale_session_statuses)
                ),
            }
        )
        return self


class SessionSection(Section):
    """Sessions that the suite launches through the controller's API as a user would, looks at, and ends."""

    user_id: Uuid | None = None
    """The user whose sessions the suite launches: one of its own, so that nobody else's are in question.
    None: nothing is launched, and that sessions work is NOT PROVEN."""
    second_user_id: Uuid | None = None
    """Another such user, for two sessions at once; none leaves that NOT PROVEN."""
    provider: Word = "codex"
    """The provider whose login the sessions are for."""
    launch_s: Seconds = 90
    """From the request for a session until it is ready, its VM being healthy: whether a controller answers
    then, or at once."""
    markers: Annotated[tuple[Pattern, ...], Field(min_length=1)] = (
        r"\[LAUNCH-BROWSER-VM\] Starting Browser VM",
        r"\[WAIT-VM-READY\] Attempting health check",
        r"\[WAIT-VM-READY\] (Health check successful|VM ready!)",
    )
    """What the controller's journal says of a launch, in this order, each line naming the VM."""
    marker_s: tuple[Seconds, ...] = (5, 30, 90)
    """How long after the request each of `markers` may come."""
    end_s: Seconds = 15
    """From the request to cancel a session, or from its completion, to the end of its VM."""
    ready_statuses: Names = ("ready", "url_captured", "awaiting_user_auth", "user_authenticating")
    """Statuses of a session whose VM is healthy: `ready`, and those that it moves on to by itself."""
    cancelled_status: Name = "cancelled"
    """Status of a session that was cancelled."""
    second_cancel_status: Annotated[Count, Field(ge=200, le=499)] = 409
    """HTTP status of the answer to a request to cancel a session that is over."""
    lasting_credentials_path: SessionPath | None = None
    """Where the API tells of a completed session's credentials once its VM is gone: 200 with JSON that has
    them, or says `"authenticated": true`; none where it promises neither."""
    stays: tuple[Name, ...] = ()
    """`vm_type` of VMs that a user's session may bring about beside its own, and that stay by design when it
    is over: the suite tells of them, and leaves them."""
    window_path: SessionPath = "/api/auth/session/{session}/novnc"
    """The page with the browser window."""
    window_hosts: tuple[HostPort, ...] = ()
    """Where else it loads things from, each as `name:port`: the suite's browser reaches nothing that is not
    named, and these by way of the host."""
    canvas: Selector = "canvas"
    """CSS selector of the canvas in it, or in a frame of it, on which the VM's screen is drawn."""
    websocket_path: SessionPath = "/api/auth/session/{session}/novnc/websock"
    """Its WebSocket."""
    websockify_path: UrlPath = "/websockify"
    """The WebSocket of noVNC inside the guest."""
    page_address: Ipv4 | None = None
    """Where VMs reach a page that the suite serves on the host; none means the bridge's address."""
    page_port: Port | None = None
    """The port of that page, where the host's firewall lets VMs reach some ports only; none means any."""
    window_s: Seconds = 30
    """From opening the window, or a page in it, until the page is seen."""
    request_s: Seconds = 10
    """One request to the control API, but for those that launch or end a VM."""
    logins_at_once: Annotated[Count, Field(ge=1, le=16)] = 3
    """How many logins may be tried side by side, each in a session of its own."""
    test_user: Annotated[Text | None, Hidden] = None
    """A user of the provider who may log in unattended; none where there is none."""
    test_password_env: Annotated[SecretsVariable | None, Untold] = "ACCEPTANCE_TEST_PASSWORD"  # noqa: S105 - a name
    """Environment variable with the test user's password."""
    test_password_file: Annotated[SecretsFile | None, Untold] = None
    """File with it, for where there is no environment; must not be readable by others."""
    login_keys: Annotated[tuple[Text, ...], Hidden] = ("{user}", "Tab", "{password}", "Enter")
    """What a person types into the login page: names of keys, and `{user}` and `{password}` as text."""
    consent_keys: Annotated[tuple[Text, ...], Hidden] = ("Enter",)
    """What a person types into the consent page to allow."""
    login_colour: HexColour | None = None
    """Background of the provider's login page, as #rrggbb; without it, that it is shown is NOT PROVEN."""
    consent_colour: HexColour | None = None
    """Background of the provider's consent page."""
    username_field: Selector = "input[name=login]"
    """CSS selector on the login page."""
    password_field: Selector = "input[name=password]"  # noqa: S105 - a selector
    """CSS selector on the login page."""
    submit_button: Selector = "button[type=submit]"
    """CSS selector on the login page."""
    allow_button: Selector = "button[name=decision][value=allow]"
    """CSS selector on the consent page."""
    deny_button: Selector = "button[name=decision][value=deny]"
    """CSS selector on the consent page."""
    wrong_password_tries: Annotated[Count, Field(ge=1, le=20)] = 3
    """So many wrong passwords end a login."""
    attended_s: Seconds = 300
    """How long a person has for a login with `--attended`."""

    @model_validator(mode="after")
    def _consistent(self) -> SessionSection:
        if len(self.markers) != len(self.marker_s):
            raise ValueError(f"{len(self.markers)} markers and {len(self.marker_s)} times in marker_s")
        if self.user_id is not None and self.user_id == self.second_user_id:
            raise ValueError("second_user_id must be another user")
        return self


class LaunchSection(Section):
    """What the controller changes in a VM when it launches it, beside its address."""

    overlay: dict[AbsolutePath, AbsolutePath] | None = None
    """Files that it writes before the VM starts: path in the guest = the file or folder on the host that it
    writes there; `{}` where it writes none. Experiments are made on clones that have them. None: what is
    otherwise in the VM of the run's session than in the golden snapshot, of the agent's files (8 MiB at most,
    without node_modules) and of its unit, is taken for it."""


class WaiverSection(Section):
    """A FAIL that its owner lives with until a day: the check runs, and what it finds is shown as WAIVED."""

    check: CheckName
    """The check, with its row (`guest.unit[After]`), or without for all of its rows."""
    reason: Reason
    """Why it may be so for now."""
    owner: Name
    """Who answers for it."""
    ticket: Name
    """Where its mending is kept track of."""
    until: Day
    """The last day on which it counts, to its end in UTC: `2026-12-24`."""


class ItemSection(Section):
    """A line of the checklist that the runbook has not, for checks of the site's own. It comes after the
    runbook's, and a run of all checks must prove it as it must those."""

    key: ItemKey
    """What checks call it: `@pytest.mark.item("<key>")`."""
    title: Name
    """The line itself, as the verdict shows it."""
    why: Reason
    """Why it matters, for a check that says nothing closer."""


class Site(Section):
    """One deployment."""

    name: Name
    """Shown in the verdict."""
    host: HostSection = HostSection()
    vmm: VmmSection = VmmSection()
    state: StateSection = StateSection()
    network: NetworkSection = NetworkSection()
    snapshot: SnapshotSection = SnapshotSection()
    controller: ControllerSection = ControllerSection()
    agent: AgentSection = AgentSection()
    guest: GuestSection = GuestSection()
    database: DatabaseSection = DatabaseSection()
    session: SessionSection = SessionSection()
    launch: LaunchSection = LaunchSection()
    not_applicable: dict[CheckName, Reason] = {}
    """Checks that cannot apply here: check name = reason. Shown in the verdict, never counted as passed. What
    follows from a field that is none needs no entry: see the end of this page."""
    waivers: tuple[WaiverSection, ...] = ()
    """Checks whose FAIL does not count for now, a table `[[waivers]]` each."""
    advisory: tuple[CheckName, ...] = ()
    """Checks that are run and shown, and decide nothing: they turn nothing red, and prove nothing."""
    checks: tuple[LocalPath, ...] = ()
    """Folders with checks of the site's own (`docs/adding-a-check.md`), asked in each run beside those that
    come with the suite. A relative path begins at the file that says it."""
    own_check_s: LongSeconds = 300
    """How long one of those checks may take in its turn, and each fixture of theirs, made or ended. What
    has not ended then is cut off, and BROKEN; what the suite does for it meanwhile has limits of its own."""
    items: tuple[ItemSection, ...] = ()
    """Lines of the checklist beyond the runbook's, a table `[[items]]` each."""

    @model_validator(mode="after")
    def _consistent(self) -> Site:
        state, beside = self.state, str(PurePosixPath(self.snapshot.disk).parent.parent)
        waived = [one.check for one in self.waivers]
        keys = [*ITEM_KEYS, *(one.key for one in self.items)]
        _refuse(
            {
                "items: a key is taken, by the runbook's checklist or twice in this profile": len(set(keys))
                < len(keys),
                "waivers: one check is waived twice, and only one day can be its last": len(set(waived))
                < len(waived),
                "snapshot.disk lies so that the disks of clones would go into state.vms_dir or "
                "state.sockets_dir: set state.clones_dir": state.clones_dir is None
                and (_is_within(beside, state.vms_dir) or _is_within(beside, state.sockets_dir)),
                "snapshot.disk lies so that the disks of clones would go into state.jails_dir: set "
                "state.clones_dir": state.clones_dir is None
                and state.vms_dir is None
                and _is_within(beside, state.jails_dir),
            }
        )
        return self
