"""What a guest tells of itself: read as it was once said."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from harness.causes.inside import question, read_inside
from harness.causes.look import ask_inside
from harness.redact import redact
from harness.run import Result
from harness.site.profile import Site

SAID = """
=== acceptance: show
Id=browser-vm-auth.service
LoadState=loaded
ActiveState=activating
SubState=auto-restart
Result=exit-code
UnitFileState=enabled
MemoryMax=536870912

Id=chromium.service
LoadState=loaded
ActiveState=active
SubState=running

=== acceptance: processes
412

=== acceptance: pressure
some avg10=93.10 avg60=40.02 avg300=11.00 total=4711
full avg10=91.25 avg60=39.00 avg300=10.50 total=4242

=== acceptance: journal
Nov 30 01:02:03.456789 browser-vm systemd[1]: Started browser-vm-auth.service - Browser VM.
Nov 30 01:02:04.456789 browser-vm browser-vm-auth[412]: Error: Cannot find module './http'

=== acceptance: unreadable
/root/agent.env
/etc/default/a b

=== acceptance: listen
LISTEN 0      511          0.0.0.0:8080       0.0.0.0:*    users:(("node",pid=412,fd=18))
LISTEN 0      5            [::1]:8080            [::]:*    users:(("python3",pid=99,fd=3))

=== acceptance: failed
browser-vm-auth.service

=== acceptance: root
ext4 rw,noatime

=== acceptance: address
2: eth0    inet 192.168.100.3/24 brd 192.168.100.255 scope global eth0\\       valid_lft forever

=== acceptance: cmdline
console=ttyS0 reboot=k panic=1 rw

=== acceptance: unit
[Service]
ExecStart=/usr/bin/node /root/vm-browser-agent/server.js

=== acceptance: entry
0123456789abcdef  /root/vm-browser-agent/server.js

=== acceptance: check
/root/vm-browser-agent/server.js:21
const PORT = = 8080
             ^

SyntaxError: Unexpected token '='
"""


def test_every_part_is_read() -> None:
    inside = read_inside(SAID)
    assert inside.units["browser-vm-auth.service"].state == "activating (auto-restart) result exit-code"
    assert inside.units["chromium.service"].get("ActiveState") == "active"
    assert inside.processes == {412}
    assert inside.memory_wait == 91.25
    assert inside.unreadable == ("/root/agent.env", "/etc/default/a b")
    assert [(one.address, one.program, one.pid) for one in inside.listeners] == [
        ("0.0.0.0:8080", "node", 412),
        ("[::1]:8080", "python3", 99),
    ]
    assert [one.on_loopback for one in inside.listeners] == [False, True]
    assert [one.by_systemd for one in inside.journal] == [True, False]
    assert (inside.root, inside.addresses) == ("ext4 rw,noatime", ("192.168.100.3/24",))
    assert inside.failed == ("browser-vm-auth.service",)
    assert inside.checked.startswith("SyntaxError: Unexpected token '='")
    assert (inside.entry, inside.cmdline) == ("0123456789abcdef", "console=ttyS0 reboot=k panic=1 rw")


@pytest.mark.usefixtures("forgetful")
def test_what_may_be_a_secret_is_in_no_part_of_it() -> None:
    """And no other text shows it from then on."""
    refused = "host systemd[1]: u: Ignoring invalid environment assignment 'export %s': /root/agent.env"
    journal = f"{refused % 'DB_PASSWORD=hunter2secret'}\n{refused % 'PIN=pw'}\n{refused % 'MODE=a full one'}"
    said = SAID.replace("=== acceptance: listen", f"{journal}\n=== acceptance: listen")
    said = said.replace(
        "panic=1",
        "panic=1 systemd.setenv=API_TOKEN=s3cretValue db.password=pw1 ip=192.168.100.77::x:eth0:off",
    )

    def script(text: str, *, timeout_s: float) -> Result:
        return Result((text,), 0, said, f"{timeout_s}")

    inside = ask_inside(script, Site.model_validate({"name": "x"}), 1.0)
    assert "hunter2secret" not in str(inside)
    assert "PIN=pw" not in str(inside)
    assert "pw1" not in str(inside)
    assert "panic=1" in inside.told
    assert " ip=192.168.100.77::" in inside.cmdline
    assert "'export PIN=‹secret›': /root/agent.env" in inside.told
    assert redact("s3cretValue hunter2secret a full one") == "‹secret› ‹secret› a full one"


def test_processes_are_found_without_a_hierarchy_of_their_own() -> None:
    """The main one, and whatever is in the unit's group by the kernel's own word."""
    systemctl = (
        'systemctl() { case "$*" in *ControlGroup*) sed "s/^[^:]*:[^:]*://" /proc/self/cgroup | head -n 1;;'
        " *MainPID*) echo 4194303;; esac; }; journalctl() { :; }; ss() { :; }; ip() { :; }\n"
    )
    script = systemctl + question(Site.model_validate({"name": "x"}))
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert {4194303, os.getpid()} <= read_inside(done.stdout).processes


def test_an_environment_file_that_must_be_there_and_is_not_is_named(tmp_path: Path) -> None:
    """One that is there, by a pattern or by name, and one that need not be, are not."""
    (tmp_path / "there").touch()
    files = {tmp_path / "there": "no", tmp_path / "need not": "yes", tmp_path / "not there": "no"}
    files |= {tmp_path / "the?e": "no", tmp_path / "*.none": "no"}
    shown = "\n".join(f"EnvironmentFiles={file} (ignore_errors={ignored})" for file, ignored in files.items())
    tools = (
        f"systemctl() {{ case \"$*\" in *EnvironmentFiles*) printf '%s\n' {shlex.quote(shown)};; esac; }}\n"
    )
    script = (
        tools
        + "journalctl() { :; }; ss() { :; }; ip() { :; }\n"
        + question(Site.model_validate({"name": "x"}))
    )
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert read_inside(done.stdout).unreadable == tuple(
        str(tmp_path / name) for name in ("not there", "*.none")
    )


def test_a_guest_that_says_nothing_has_told_nothing() -> None:
    inside = read_inside("")
    assert (inside.units, inside.listeners, inside.journal) == ({}, (), ())


def test_names_of_the_profile_are_words_of_the_script() -> None:
    """Whatever they are."""
    site = Site.model_validate({"name": "x", "agent": {"entry": "/root/a b/$(reboot).js"}})
    assert "entry='/root/a b/$(reboot).js'" in question(site)
