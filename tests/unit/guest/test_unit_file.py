"""systemd's own words, and what they say about the runbook's unit."""

from __future__ import annotations

import pytest

from harness.guest.facts import GuestFacts
from harness.guest.unit_file import (
    DIRECTIVES,
    assignments,
    changed_by_drop_ins,
    parse_commands,
    parse_span,
    verify_findings,
)
from harness.site.profile import Site

SITE = Site(name="test")
UNIT = {
    "After": "basic.target network-online.target sysinit.target system.slice",
    "Wants": "network-online.target",
    "Requires": "sysinit.target system.slice",
    "WantedBy": "multi-user.target",
    "StartLimitIntervalUSec": "0",
    "Type": "simple",
    "Restart": "always",
    "RestartUSec": "5s",
    "User": "root",
    "WorkingDirectory": "/root/vm-browser-agent",
    "Environment": "NODE_ENV=production PORT=8080",
    "ExecStartPre": "{ path=/bin/sleep ; argv[]=/bin/sleep 2 ; ignore_errors=no ; start_time=[n/a] ; pid=7 }",
    "ExecStart": "{ path=/usr/bin/node ; argv[]=/usr/bin/node /root/vm-browser-agent/server.js ; "
    "ignore_errors=no ; start_time=[n/a] }",
    "StandardOutput": "journal",
    "StandardError": "journal",
    "SyslogIdentifier": "browser-vm-auth",
    "LimitNOFILE": "65536",
    "MemoryMax": "infinity",
    "MemoryLimit": "536870912",
}
WRONG = {
    "After": {"After": "basic.target network.target"},
    "Wants": {"Wants": "network.target"},
    "StartLimitIntervalSec": {"StartLimitIntervalUSec": "10s"},
    "Type": {"Type": "exec"},
    "Restart": {"Restart": "on-failure"},
    "RestartSec": {"RestartUSec": "100ms"},
    "User": {"User": "polydev"},
    "WorkingDirectory": {"WorkingDirectory": ""},
    "Environment": {"Environment": "NODE_ENV=development PORT=8080"},
    "ExecStartPre": {"ExecStartPre": ""},
    "ExecStart": {
        "ExecStart": "{ path=/usr/bin/node ; argv[]=/usr/bin/node server.js ; ignore_errors=no ; }"
    },
    "StandardOutput": {"StandardOutput": "null"},
    "StandardError": {"StandardError": "inherit"},
    "SyslogIdentifier": {"SyslogIdentifier": ""},
    "LimitNOFILE": {"LimitNOFILE": "1024"},
    "WantedBy": {"WantedBy": ""},
}


def facts(
    unit: dict[str, str] | None = None,
    *,
    files: dict[str, bytes] | None = None,
    memory: str = "536870912",
) -> GuestFacts:
    return GuestFacts(
        unit={**UNIT, **(unit or {})},
        units={},
        failed_units=(),
        listeners=(),
        verify_status=0,
        verify="",
        boot_id="",
        uptime_s=0,
        clock=0,
        clock_bounds=(0, 0),
        age_s=0,
        files=files or {},
        memory_limits={"/system.slice/browser-vm-auth.service": memory, "/system.slice": "max"},
        interfaces=(),
        journal="",
        limits="",
    )


def problems(seen: GuestFacts) -> dict[str, str | None]:
    return {directive.name: directive.problem(seen, SITE) for directive in DIRECTIVES}


def test_runbook_unit_has_no_problem() -> None:
    assert not [text for text in problems(facts()).values() if text]


@pytest.mark.parametrize(("name", "change"), WRONG.items(), ids=WRONG)
def test_each_changed_directive_is_its_own_problem(name: str, change: dict[str, str]) -> None:
    found = {key: text for key, text in problems(facts(change)).items() if text}
    assert list(found) == [name]
    assert "expected" in str(found[name])


@pytest.mark.parametrize("memory", ["max", "1073741824", "268435456"])
def test_memory_limit_is_what_the_cgroup_enforces(memory: str) -> None:
    assert problems(facts(memory=memory))["MemoryLimit"]


def test_smaller_limit_of_a_parent_counts() -> None:
    seen = facts()
    seen.memory_limits["/system.slice"] = "1048576"  # type: ignore[index]
    assert "1 MiB" in str(problems(seen)["MemoryLimit"])


def test_unit_that_is_not_there_fails_every_directive_but_user() -> None:
    seen = GuestFacts(**{**facts().__dict__, "unit": {}, "memory_limits": {}})
    missing = {name for name, text in problems(seen).items() if text}
    assert missing == {directive.name for directive in DIRECTIVES} - {"User"}


def test_secrets_in_the_environment_are_not_shown() -> None:
    text = problems(facts({"Environment": "PORT=1 SUPABASE_KEY=hush"}))["Environment"]
    assert "hush" not in str(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5s", 5),
        ("1min 30s", 90),
        ("0", 0),
        ("100ms", 0.1),
        ("infinity", float("inf")),
        ("", None),
        ("x", None),
    ],
)
def test_time_spans_are_understood(text: str, expected: float | None) -> None:
    assert parse_span(text) == expected


def test_several_commands_are_understood() -> None:
    line = "{ path=/bin/a ; argv[]=/bin/a -x ; ignore_errors=no ; start_time=[n/a] }"
    assert parse_commands(f"{line}\n{line.replace('-x', '-y ; z')}") == ["/bin/a -x", "/bin/a -y ; z"]


def test_assignments_ignore_comments_and_continuations() -> None:
    assert assignments("[Service]\n# Restart=no\nExecStart=/bin/a \\\n  User=b\n;X=1\nGroup = c\n") == [
        "ExecStart",
        "Group",
    ]


def test_drop_in_that_changes_a_directive_is_named() -> None:
    paths = {"DropInPaths": "/run/a.conf /run/b.conf /run/gone.conf"}
    files = {"/run/a.conf": b"[Service]\nRestart=no\n", "/run/b.conf": b"[Service]\nTimeoutStopSec=3\n"}
    found = changed_by_drop_ins(facts(paths, files=files))
    assert found == {"/run/a.conf": ["Restart"], "/run/gone.conf": ["(it could not be read)"]}


def test_verify_tells_advice_from_errors_and_leaves_other_units_alone() -> None:
    path = "/etc/systemd/system/browser-vm-auth.service"
    output = (
        f"{path}:24: Unit uses MemoryLimit=; please use MemoryMax= instead. Support will be removed soon.\n"
        f"{path}:9: Unknown key name 'Restrt' in section 'Service', ignoring.\n"
        "/lib/systemd/system/other.service:3: Unknown key name\n"
        "browser-vm-auth.service: Command /usr/bin/nod is not executable: No such file or directory\n"
    )
    errors, advice = verify_findings(output, path)
    assert [line.split(":")[1].strip()[:7] for line in errors] == ["9", "Command"]
    assert len(advice) == 1
