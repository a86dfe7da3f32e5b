"""The profile that is written: our own loader reads it, and it holds nothing that it should not."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from harness.database.survey import SeenDatabase, SeenTable, Values
from harness.host.parts import Tap
from harness.redact import remember
from harness.site.load import load_site
from harness.survey.answer import Draft, Found, Open
from harness.survey.draft import Asked, draft
from harness.survey.page import held_to_the_model, left, page
from harness.survey.seen import GuestDisk, HostSeen
from tests.unit.survey.deployments import COLDBOOT, HOST_NETNS, JAILED, RUNBOOK
from tests.unit.survey.test_guest_fields import BY_SHELL, OTHER, PLAIN

HOST = {"address": Found("192.0.2.7", "as it was given"), "user": Found("me", "as it was given")}
DATABASE = SeenDatabase(
    (SeenTable("public", "vms", ("vm_id",), "users"),),
    (SeenTable("public", "auth_sessions", ("session_id", "vm_ip")),),
    values={"vms.status": Values(("running",)), "sessions.status": Values((), ("started", "failed"))},
)


def drafted(host: HostSeen, disk: GuestDisk, **more: str) -> Draft:
    return held_to_the_model(draft(Asked(HOST, url_env="DB_URL", **more), host, disk, DATABASE))


def written(folder: Path, found: Draft) -> tuple[Path, str]:
    file = folder / "site.toml"
    text = page(found, name="one", file=file, schema=Path("../docs/site-profile.schema.json"))
    file.write_text(text, encoding="utf-8")
    return file, text


@pytest.mark.parametrize(("host", "disk"), [(RUNBOOK, PLAIN), (COLDBOOT, OTHER), (JAILED, BY_SHELL)])
def test_the_profile_is_read_by_our_own_loader_as_it_was_found(
    tmp_path: Path, host: HostSeen, disk: GuestDisk
) -> None:
    found = drafted(host, disk)
    file, text = written(tmp_path, found)
    site = load_site(file)
    assert text.startswith("#:schema ../docs/site-profile.schema.json\n")
    told = tomllib.loads(text)
    for table, answers in found.items():
        values = {field: one.value for field, one in answers.items() if isinstance(one, Found)}
        assert told.get(table, {}) == values
        assert getattr(site, table).model_fields_set >= values.keys()


def test_each_value_says_where_it_was_seen_and_each_gap_what_to_look_for(tmp_path: Path) -> None:
    found = drafted(RUNBOOK, PLAIN)
    lines = written(tmp_path, found)[1].splitlines()
    for table, answers in found.items():
        for field, one in answers.items():
            mark = "# from: " if isinstance(one, Found) else "# ? "
            place = next(
                n for n, line in enumerate(lines) if line.removeprefix("# ").startswith(f"{field} = ")
            )
            above = [line for line in lines[max(0, place - 5) : place + 1] if mark in line]
            assert above, (table, field)
    assert "# name = " not in "\n".join(lines)


def test_what_is_left_is_told_by_its_field() -> None:
    assert any(
        line.startswith("session.user_id: a user of the suite's own")
        for line in left(drafted(RUNBOOK, PLAIN))
    )


def test_names_that_no_profile_may_have_are_left_open_and_spoil_nothing_else(tmp_path: Path) -> None:
    """A host may call its things as it likes."""
    (vmm, ours) = RUNBOOK.vmms
    odd = replace(vmm.opened, program="/usr/bin/$(reboot)\x1b[2J\nname = 'x'", version="1.7.0\n[x]")
    taps = (Tap("fc-vm-6b038", 7, HOST_NETNS, master="fcbr0"),)
    host = replace(RUNBOOK, vmms=(replace(vmm, opened=odd), ours), taps=taps)
    found = drafted(host, PLAIN)
    file, text = written(tmp_path, found)
    assert isinstance(found["vmm"]["binary"], Open)
    assert load_site(file).network.bridge == "fcbr0"
    assert "\x1b" not in text
    assert "x" not in tomllib.loads(text)


def test_what_may_be_a_secret_is_not_written(tmp_path: Path) -> None:
    host = {**HOST, "proxy_command": Found("connect --password=hunter2 %h", "as it was given")}
    found = held_to_the_model(draft(Asked(host), RUNBOOK, PLAIN, "not asked"))
    file, text = written(tmp_path, found)
    assert "hunter2" not in text
    assert load_site(file).host.proxy_command is None


@pytest.mark.parametrize(
    "argument",
    ["eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZSJ9.c2ln", "--password=hunter2", "x://me:hunter2@h"],
)
def test_a_secret_in_a_command_is_not_written(tmp_path: Path, argument: str) -> None:
    """The model may take it: it is a text as any other."""
    unit = next(path for path in PLAIN.files if path.endswith("browser-vm-auth.service"))
    files = {**PLAIN.files, unit: PLAIN.files[unit].replace("/bin/sleep 2", f"/bin/register {argument}")}
    file, text = written(tmp_path, drafted(RUNBOOK, replace(PLAIN, files=files)))
    assert argument not in text
    assert "start_pre" not in load_site(file).agent.model_fields_set


def test_what_is_known_for_a_secret_is_written_nowhere(tmp_path: Path) -> None:
    """The database's password, wherever else a site has it."""
    secret = remember("correct-horse-battery-9")
    found = {"host": HOST, "agent": {"start_pre": Found(f"/bin/say {secret}", f"where {secret} is")}}
    file, text = written(tmp_path, held_to_the_model(found))
    assert secret not in text
    assert "start_pre" not in load_site(file).agent.model_fields_set


@pytest.mark.parametrize(
    ("state", "disk", "left_open"),
    [
        ({"vms_dir": "/var/lib/firecracker"}, "/var/lib/firecracker/snapshots/g.ext4", "state.vms_dir"),
        ({"sockets_dir": "/run/fc"}, "/run/fc/golden/g.ext4", "state.sockets_dir"),
        ({}, "/var/lib/firecracker/vms/golden/x/g.ext4", "snapshot.disk"),
    ],
)
def test_folders_that_do_not_go_together_are_left_open_with_what_they_are(
    tmp_path: Path, state: dict[str, str], disk: str, left_open: str
) -> None:
    """VMs beside the folder of the golden snapshot: clones need another place, which nobody can see."""
    told = {field: Found(value, "seen") for field, value in state.items()}
    kept = held_to_the_model({"host": HOST, "state": told, "snapshot": {"disk": Found(disk, "seen")}})
    load_site(written(tmp_path, kept)[0])
    (line,) = left(kept)
    assert line.startswith(f"{left_open}: ")
    assert "set state.clones_dir" in line
    assert state.get(left_open.partition(".")[2], disk) in line


@pytest.mark.parametrize("field", ["vms_dir", "sockets_dir"])
def test_a_folder_that_is_none_is_written_with_the_jails_alone(tmp_path: Path, field: str) -> None:
    alone = {field: Found("none", "pid 7 has it in its jail alone")}
    both = {**alone, "jails_dir": Found("/srv/jailer", "ps")}
    kept = held_to_the_model({"host": HOST, "state": both})
    file, text = written(tmp_path, kept)
    assert f'{field} = "none"  # from: pid 7 has it in its jail alone' in text
    assert getattr(load_site(file).state, field) is None
    (line,) = left(held_to_the_model({"host": HOST, "state": alone}))
    assert line.startswith(f"state.{field}: ")


def test_addresses_of_another_network_than_the_runbooks_are_taken_together(tmp_path: Path) -> None:
    """Each alone is at odds with the usual values of the others."""
    network = {"bridge_address": "10.9.0.1/24", "first_vm": "10.9.0.2", "last_vm": "10.9.0.254"}
    found = {"host": HOST, "network": {name: Found(value, "x") for name, value in network.items()}}
    kept = held_to_the_model(found)
    assert not left(kept)
    assert str(load_site(written(tmp_path, kept)[0]).network.last_vm) == "10.9.0.254"


def test_a_file_of_any_name_is_written_for() -> None:
    text = page({"host": HOST}, name="one", file=Path("a b\nname = 'x'\x1b"), schema=Path("s"))
    assert tomllib.loads(text)["name"] == "one"
    assert "'a b" in text


def test_addresses_that_do_not_go_together_are_left_open(tmp_path: Path) -> None:
    found = {"host": HOST, "network": {"first_vm": Found("10.0.0.2", "x"), "bridge": Found("br0", "y")}}
    kept = held_to_the_model(found)
    assert isinstance(kept["network"]["first_vm"], Open)
    assert kept["network"]["bridge"] == Found("br0", "y")
    assert load_site(written(tmp_path, kept)[0]).network.bridge == "br0"
