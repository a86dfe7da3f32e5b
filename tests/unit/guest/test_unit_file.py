"""systemd's own words, and what they say about the runbook's unit."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.guest.unit_file import (
    DIRECTIVES,
    assignments,
    changed_by_drop_ins,
    parse_commands,
    parse_span,
    verify_findings,
)
from harness.infra.units import Unit
from harness.run import Result
from harness.site.profile import Site
from tests.unit.peers.shell_machine import this_machine

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


def unit(change: dict[str, str] | None = None, *, parent: str = "max", memory: str = "536870912") -> Unit:
    """A unit as systemd shows it, without a systemd."""
    seen = Unit("browser-vm-auth.service")
    seen.properties = {**UNIT, **(change or {})}
    seen.memory_limits = {"/system.slice/browser-vm-auth.service": memory, "/system.slice": parent}
    return seen


def problems(seen: Unit) -> dict[str, str | None]:
    return {directive.name: directive.problem(seen, SITE) for directive in DIRECTIVES}


def test_runbook_unit_has_no_problem() -> None:
    assert not [text for text in problems(unit()).values() if text]


@pytest.mark.parametrize(("name", "change"), WRONG.items(), ids=WRONG)
def test_each_changed_directive_is_its_own_problem(name: str, change: dict[str, str]) -> None:
    found = {key: text for key, text in problems(unit(change)).items() if text}
    assert list(found) == [name]
    assert "expected" in str(found[name])


@pytest.mark.parametrize("by", ["EnvironmentFiles", "PassEnvironment", "UnsetEnvironment"])
@pytest.mark.parametrize(
    ("set_there", "started_with", "well"),
    [
        ("NODE_ENV=production PORT=8080", {"NODE_ENV": "development", "PORT": "8080"}, False),
        ("NODE_ENV=production PORT=8080", {"PORT": "8080"}, False),
        ("", {"NODE_ENV": "production", "PORT": "8080"}, True),
    ],
    ids=["overridden", "unset", "set elsewhere alone"],
)
def test_what_a_process_was_started_with_counts_where_the_unit_does_not_say_all(
    monkeypatch: pytest.MonkeyPatch, by: str, set_there: str, started_with: dict[str, str], well: bool
) -> None:
    seen = unit({"Environment": set_there, by: "/etc/agent.env (ignore_errors=no)"})
    monkeypatch.setattr(seen, "environment", lambda _: started_with)
    said = problems(seen)["Environment"]
    assert (said is None) is well
    assert well or "its process has: NODE_ENV=" in str(said)


@pytest.mark.parametrize("memory", ["max", "1073741824", "268435456"])
def test_memory_limit_is_what_the_cgroup_enforces(memory: str) -> None:
    assert problems(unit(memory=memory))["MemoryLimit"]


def test_smaller_limit_of_a_parent_counts() -> None:
    assert "1 MiB" in str(problems(unit(parent="1048576"))["MemoryLimit"])


def test_unit_that_is_not_there_fails_every_directive_but_user() -> None:
    seen = unit()
    seen.properties, seen.memory_limits = {"Id": "browser-vm-auth.service", "LoadState": "not-found"}, {}
    missing = {name for name, text in problems(seen).items() if text}
    assert missing == {directive.name for directive in DIRECTIVES} - {"User"}


def test_secrets_in_the_environment_are_not_shown() -> None:
    text = problems(unit({"Environment": "PORT=1 SUPABASE_KEY=hush"}))["Environment"]
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
        ("ExecStart", "/bin/a  User=b"),
        ("Group", "c"),
    ]


def test_drop_in_that_changes_a_directive_is_named(tmp_path: Path) -> None:
    drop_ins = {
        "a": "[Service]\nRestart=no\n",
        "b": "[Service]\nTimeoutStopSec=3\n",
        "proxy": '[Service]\nEnvironment="HTTPS_PROXY=http://10.0.0.1:3128" NO_PROXY=localhost\n',
        "port": "[Service]\nEnvironment=NO_PROXY=localhost PORT=9090\n",
        "empty": "[Service]\nEnvironment=\n",
    }
    for name, text in drop_ins.items():
        (tmp_path / name).write_text(text)
    paths = [str(tmp_path / name) for name in (*drop_ins, "gone")]
    with this_machine() as machine:
        show = f"Id={SITE.agent.unit}\nLoadState=loaded\nDropInPaths={' '.join(paths)}"
        machine.backend.remember({f"systemctl show {SITE.agent.unit}": Result((), 0, show, "")})
        found = changed_by_drop_ins(machine, SITE)
    assert found == {
        paths[0]: ["Restart"],
        paths[3]: ["Environment"],
        paths[4]: ["Environment"],
        paths[5]: ["(it could not be read)"],
    }


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


@pytest.mark.parametrize(
    ("seen", "right"),
    [("65535", False), ("65536", True), ("524288", True), ("infinity", True), ("", False), ("lots", False)],
)
def test_more_open_files_than_asked_for_are_no_fault(seen: str, right: bool) -> None:
    assert (problems(unit({"LimitNOFILE": seen}))["LimitNOFILE"] is None) is right


@pytest.mark.parametrize(
    ("field", "directive", "key"),
    [
        ("syslog_identifier", "SyslogIdentifier", "SyslogIdentifier"),
        ("open_files", "LimitNOFILE", "LimitNOFILE"),
        ("memory_limit_mib", "MemoryLimit", "MemoryMax"),
    ],
)
def test_what_a_deployment_may_lack_is_asked_of_no_unit(field: str, directive: str, key: str) -> None:
    """systemd shows no property that is empty."""
    site = Site.model_validate({"name": "x", "agent": {field: "none"}})
    (asked,) = (one for one in DIRECTIVES if one.name == directive)
    seen = unit(memory="max")
    seen.properties = {name: value for name, value in seen.properties.items() if name != key}
    assert asked.problem(seen, SITE) is not None
    assert asked.problem(seen, site) is None
