"""What follows from a field that is none: checks that exist, and a reason that names the field."""

from __future__ import annotations

import re

import pytest

from harness.database.claims import CLAIMS
from harness.guest.unit_file import DIRECTIVES
from harness.site.implied import CONSEQUENCES, Consequence, not_applicable, reason_for
from harness.site.profile import Site
from tests.unit.peers.small_suite import ROOT


def profile(**sections: object) -> Site:
    """A profile with these sections."""
    return Site.model_validate({"name": "nowhere", **sections})


BESIDE = {
    "state.sockets_dir": {"jails_dir": "/srv/jailer"},
    "state.tap_id_characters": {"tap_prefix": "vmtap0"},
}
"""What must be given where a field is none."""


def with_none(*fields: str) -> Site:
    """A profile where these are none."""
    given: dict[str, dict[str, str]] = {}
    for field in fields:
        section, name = field.split(".")
        given.setdefault(section, {}).update({name: "none", **BESIDE.get(field, {})})
    return profile(**given)


UNPROMISED = {
    "session.credentials_outlive_the_vm": "session.lasting_credentials_path",
    "session.heartbeats_move": "database.heartbeat_s",
}
"""What the runbook does not promise, and the fields by which a deployment does."""


def usual() -> dict[str, str]:
    """What cannot apply to the runbook's own deployment."""
    reasons = {one.field: one.reason for one in CONSEQUENCES}
    return {check: reasons[field] for check, field in UNPROMISED.items()}


def test_the_runbooks_own_deployment_can_have_every_check_but_of_what_it_does_not_promise() -> None:
    assert not_applicable(profile()) == usual()


@pytest.mark.parametrize("one", CONSEQUENCES, ids=lambda one: one.field)
def test_each_field_may_be_none_and_leaves_out_checks_that_exist(one: Consequence) -> None:
    """A slip in a name would leave nothing out."""
    given = not_applicable(with_none(*one.fields))
    assert given == usual() | dict.fromkeys(one.checks, one.reason)
    assert one.reason.startswith(f'{one.field} = "none"')
    for check in one.checks:
        layer, function = check.split(".")
        sources = [path.read_text("utf-8") for path in (ROOT / "tests" / layer).glob("test_*.py")]
        function, _, row = function.removesuffix("]").partition("[")
        assert not row or row in map(str, DIRECTIVES) or f"{function}_{row}" in CLAIMS
        assert any(re.search(rf"^def test_{function}\(", text, re.MULTILINE) for text in sources), check


@pytest.mark.parametrize(
    ("fields", "left_out"),
    [
        (("snapshot.manifest",), False),
        (("snapshot.memory",), False),
        (("snapshot.memory", "snapshot.manifest"), True),
    ],
)
def test_golden_files_with_nothing_to_compare_are_not_said_to_be_whole(
    fields: tuple[str, ...], left_out: bool
) -> None:
    """The memory file has a size to compare, and a manifest says all."""
    manifest = {} if "snapshot.manifest" in fields else {"manifest": "/snapshots/manifest.json"}
    memory = {"memory": "none"} if "snapshot.memory" in fields else {}
    reason = not_applicable(profile(snapshot={**manifest, **memory})).get("host.snapshot_whole", "")
    assert bool(reason) is left_out
    assert not left_out or reason.startswith('snapshot.manifest = "none", snapshot.memory = "none": ')


def test_the_profiles_own_reason_counts() -> None:
    own = {"db.incident_vm_is_destroyed": "we never had it", "host.x[1]": "no"}
    given = not_applicable(profile(database={"incident_vm": "none"}, not_applicable=own))
    assert given == usual() | own


@pytest.mark.parametrize(
    ("check", "reason"), [("host.x", "all"), ("host.x[1]", "one"), ("host.x[2]", "all"), ("host.y", "")]
)
def test_a_reason_is_for_a_row_or_for_all(check: str, reason: str) -> None:
    assert reason_for(check, {"host.x": "all", "host.x[1]": "one"}) == reason
