"""What follows from a field of the profile: checks that cannot apply by it, with no need to list them.

A field that leaves the suite without a means to ask (no user to launch sessions for) is not here: what it
leaves open is NOT PROVEN, for somebody could tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.check_names import names_of
from harness.site.profile import Section, Site


@dataclass(frozen=True)
class Consequence:
    """Where a field, ``section.name``, is none, and others with it, these checks cannot apply."""

    field: str
    why: str
    checks: tuple[str, ...]
    others: tuple[str, ...] = ()

    @property
    def fields(self) -> tuple[str, ...]:
        """All that must be none."""
        return (self.field, *self.others)

    @property
    def reason(self) -> str:
        """What the verdict shows."""
        return ", ".join(f'{field} = "none"' for field in self.fields) + f": {self.why}"

    def holds(self, site: Site) -> bool:
        """Whether that is so at this site."""
        return all(_is_none(site, field) for field in self.fields)


def _is_none(site: Site, field: str) -> bool:
    section, _, name = field.partition(".")
    table: Section = getattr(site, section)
    return getattr(table, name) is None


CONSEQUENCES = (
    Consequence(
        "agent.database_variable",
        "the agent uses no database, so none can be silent",
        (
            "guest.database_calls_have_a_timeout",
            "guest.silent_database_does_not_hang_a_login",
            "guest.silent_database_is_logged",
            "guest.silent_database_leaves_health_alone",
        ),
    ),
    Consequence("vmm.kvm", "the VMM needs no KVM", ("host.kvm_is_usable",)),
    Consequence(
        "state.sockets_dir",
        "each API socket lies in its VM's jail, which host.no_vm_files_without_row holds to a live row",
        ("host.no_socket_without_row",),
    ),
    Consequence(
        "state.tap_id_characters",
        "the TAPs of VMs are all called the same, each in a network namespace of its own, which no row tells;"
        " host.live_rows_have_tap holds each to its VM",
        ("db.live_vms_do_not_share[tap]",),
    ),
    Consequence(
        "snapshot.vmstate",
        "every VM is booted from the disk, and none restored",
        (
            "guest.boot_is_the_snapshots",
            "guest.clone_did_not_boot",
            "guest.snapshot_is_loaded",
            "host.snapshot_loadable",
        ),
    ),
    Consequence(
        "snapshot.manifest",
        "nothing says how large the golden snapshot's files are, and what is in them",
        ("host.snapshot_whole",),
        others=("snapshot.memory",),
    ),
    Consequence(
        "snapshot.kernel",
        "there is no kernel to boot the disk with",
        (
            "guest.cold_boot_console_is_clean",
            "guest.cold_boot_is_another_boot",
            "guest.cold_boot_is_healthy_in_time",
            "guest.cold_boot_starts_the_agent",
        ),
    ),
    Consequence(
        "agent.syslog_identifier",
        "the agent's unit gives its journal lines no name",
        ("guest.directive[SyslogIdentifier]",),
    ),
    Consequence(
        "agent.open_files", "the agent's unit does not say how many", ("guest.directive[LimitNOFILE]",)
    ),
    Consequence("agent.memory_limit_mib", "the agent's unit has no limit", ("guest.directive[MemoryLimit]",)),
    Consequence("database.heartbeat_s", "the service promises no heartbeats", ("session.heartbeats_move",)),
    Consequence(
        "session.lasting_credentials_path",
        "the API promises no credentials once a VM is gone",
        ("session.credentials_outlive_the_vm",),
    ),
    Consequence(
        "database.incident_vm", "nobody asks about the incident's VM", ("db.incident_vm_is_destroyed",)
    ),
    Consequence(
        "database.incident_session",
        "nobody asks about the incident's session",
        ("db.incident_session_is_failed",),
    ),
)


def not_applicable(site: Site) -> dict[str, str]:
    """Every check, or row of one, that cannot apply to the site, with the reason: the profile's own first."""
    implied = {check: one.reason for one in CONSEQUENCES if one.holds(site) for check in one.checks}
    return {**implied, **site.not_applicable}


def reason_for(check: str, reasons: Mapping[str, str]) -> str:
    """Why a check cannot apply, its row being named or all of its rows; empty where it can."""
    return next((reasons[name] for name in names_of(check) if name in reasons), "")
