"""What is made of a golden disk: agents and desktops that are right and differ, and what looks like one."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from harness.survey.agent import agent
from harness.survey.answer import Answers, Found, Open
from harness.survey.desktop import guest, keys_told
from harness.survey.seen import GuestDisk

AT = "/etc/systemd/system"
RUNBOOK = """
[Service]
# ExecStart=/usr/bin/node /tmp/old.js
User=root
WorkingDirectory=/root/vm-browser-agent
Environment=NODE_ENV=production
Environment=PORT=8080 "SUPABASE_SERVICE_KEY=eyJhbGciOi"
ExecStartPre=/bin/sleep 2
ExecStart=/usr/bin/node \\
    /root/vm-browser-agent/server.js
RestartSec=5
SyslogIdentifier=browser-vm-auth
LimitNOFILE=65536
MemoryLimit=512M
"""
SERVER = """
const PORT = Number(process.env.PORT || 8080);
app.get('/health', health);
app.post('/auth/codex', start); app.post("/auth/gemini_cli", start);
const db = process.env.SUPABASE_URL;
"""
NOVNC = "[Service]\nExecStart=/usr/bin/websockify --web /usr/share/novnc 0.0.0.0:6080 127.0.0.1:5901\n"
XVNC = "[Service]\nExecStart=/usr/bin/Xvnc :1 -rfbport 5901 -SecurityTypes None\n"

PLAIN = GuestDisk(
    "/g.ext4",
    {
        f"{AT}/browser-vm-auth.service": RUNBOOK,
        f"{AT}/novnc.service": NOVNC,
        f"{AT}/vnc.service": XVNC,
        "/root/vm-browser-agent/server.js": SERVER,
        "/etc/ssh/sshd_config": "#Port 2200\n",
        "/root/.ssh/authorized_keys": "ssh-ed25519 AAAAkey somebody\n",
    },
    frozenset({"browser-vm-auth.service", "novnc.service", "vnc.service"}),
)
OTHER = GuestDisk(
    "/g.ext4",
    {
        f"{AT}/agent.service": "[Service]\nUser=agent\nWorkingDirectory=/srv/agent\n"
        "EnvironmentFile=/etc/agent.env\nExecStart=/opt/node/bin/node --enable-source-maps dist/main.mjs\n",
        f"{AT}/agent.service.d/limits.conf": "[Service]\nMemoryMax=1G\nRestartSec=500ms\n",
        f"{AT}/proxy.service": "[Service]\nExecStart=/usr/bin/node /srv/proxy/index.js\n",
        f"{AT}/desktop.service": "[Service]\nExecStart=/usr/bin/x11vnc -rfbport 5907 -localhost\n",
        f"{AT}/web.service": "[Service]\nExecStart=/opt/novnc/utils/novnc_proxy --listen 6081 --vnc :5907\n",
        "/srv/agent/dist/main.mjs": "r('/auth/:provider'); const p = {\n  codex: {},\n  'claude_code': {} };",
        "/srv/proxy/index.js": "http.createServer().listen(9000)",
        "/etc/ssh/sshd_config": "Include /etc/ssh/sshd_config.d/*.conf\n",
        "/etc/ssh/sshd_config.d/port.conf": "Port 2222\n",
    },
    frozenset({"desktop.service", "web.service"}),
)
BY_SHELL = GuestDisk(
    "/g.ext4",
    {
        f"{AT}/a.service": "[Service]\nExecStart=/bin/sh -c 'exec /usr/bin/Xvnc :2'\n",
        f"{AT}/n.service": "[Service]\nExecStart=/usr/bin/python3 /usr/bin/websockify 6082 localhost:5902\n",
        f"{AT}/off.service": XVNC,
        f"{AT}/auth.service": "[Service]\nExecStart=-node /srv/auth.js\nEnvironment='PORT=80 80'\n",
        "/srv/auth.js": "app.listen(8090); post(`/auth/${name}`)",
        "/etc/ssh/sshd_config": "Port 22\nPort 2022\n",
    },
    frozenset({"a.service", "n.service"}),
)


def values(answers: Answers) -> dict[str, object]:
    return {field: one.value for field, one in answers.items() if isinstance(one, Found)}


AGENTS: Mapping[str, tuple[GuestDisk, dict[str, object]]] = {
    "the runbook's": (
        PLAIN,
        {
            "unit": "browser-vm-auth.service",
            "unit_file": f"{AT}/browser-vm-auth.service",
            "directory": "/root/vm-browser-agent",
            "entry": "/root/vm-browser-agent/server.js",
            "node": "/usr/bin/node",
            "user": "root",
            "syslog_identifier": "browser-vm-auth",
            "start_pre": "/bin/sleep 2",
            "restart_s": 5.0,
            "open_files": 65536,
            "memory_limit_mib": 512,
            "environment": {"NODE_ENV": "production", "PORT": "8080"},
            "port": 8080,
            "health_path": "/health",
            "providers": ["codex", "gemini_cli"],
            "database_variable": "SUPABASE_URL",
        },
    ),
    "another, with drop-ins, beside another program of node": (
        OTHER,
        {
            "unit": "agent.service",
            "unit_file": f"{AT}/agent.service",
            "directory": "/srv/agent",
            "entry": "/srv/agent/dist/main.mjs",
            "node": "/opt/node/bin/node",
            "user": "agent",
            "syslog_identifier": "none",
            "start_pre": "none",
            "restart_s": 0.5,
            "open_files": "none",
            "memory_limit_mib": 1024,
            "environment": {},
            "providers": ["codex", "claude_code"],
        },
    ),
    "one whose node is found by PATH": (
        BY_SHELL,
        {
            "unit": "auth.service",
            "unit_file": f"{AT}/auth.service",
            "entry": "/srv/auth.js",
            "user": "root",
            "syslog_identifier": "none",
            "start_pre": "none",
            "restart_s": 0.1,
            "open_files": "none",
            "memory_limit_mib": "none",
            "environment": {},
            "port": 8090,
        },
    ),
}


@pytest.mark.parametrize("name", AGENTS)
def test_an_agent_is_told_as_its_unit_and_sources_are(name: str) -> None:
    disk, expected = AGENTS[name]
    assert values(agent(disk)) == expected


@pytest.mark.parametrize(
    ("disk", "expected"),
    [
        (
            PLAIN,
            {"ssh_port": 22, "vnc_port": 5901, "novnc_port": 6080, "listening_ports": [22, 5901, 6080, 8080]},
        ),
        (OTHER, {"ssh_port": 2222, "vnc_port": 5907, "novnc_port": 6081}),
        (BY_SHELL, {"vnc_port": 5902, "novnc_port": 6082}),
    ],
)
def test_a_desktop_is_told_with_its_ports(disk: GuestDisk, expected: dict[str, object]) -> None:
    """Where the agent's port is not known, or sshd has two, neither is the list of all ports."""
    told = values(guest(disk, agent(disk).get("port")))
    told.pop("desktop_units")
    assert told == expected


def test_vnc_on_loopback_is_no_port_that_may_listen() -> None:
    told = guest(OTHER, Found(8080, "given"))
    assert told["listening_ports"] == Found(
        [2222, 6081, 8080], "SSH, the agent, noVNC; VNC serves the guest alone"
    )


def test_a_unit_that_is_not_enabled_is_no_part_of_the_desktop() -> None:
    assert values(guest(BY_SHELL, None))["desktop_units"] == ["a.service", "n.service"]


def test_two_agents_are_both_named() -> None:
    files = {**PLAIN.files, f"{AT}/new.service": RUNBOOK}
    unit = agent(GuestDisk("/g.ext4", files))["unit"]
    assert isinstance(unit, Open)
    assert "new.service" in unit.look
    assert "browser-vm-auth.service" in unit.look


@pytest.mark.parametrize(
    "files", [{}, {f"{AT}/x.service": NOVNC}, {f"{AT}/x.service": 'ExecStart=node "x.js'}]
)
def test_what_only_looks_like_an_agent_is_none(files: dict[str, str]) -> None:
    assert list(agent(GuestDisk("/g.ext4", files))) == ["unit"]
    assert isinstance(agent(GuestDisk("/g.ext4", files))["unit"], Open)


def test_a_drop_in_that_says_nothing_takes_back_what_was_said() -> None:
    files = {
        **PLAIN.files,
        f"{AT}/browser-vm-auth.service.d/a.conf": "[Service]\nExecStartPre=\nLimitNOFILE=1\n",
    }
    told = values(agent(GuestDisk("/g.ext4", files)))
    assert (told["start_pre"], told["open_files"]) == ("none", 1)


def test_no_secret_of_a_unit_is_in_any_answer() -> None:
    assert "eyJhbGciOi" not in repr(agent(PLAIN))


def test_no_argument_of_a_program_is_in_any_answer() -> None:
    """Only what starts, and which file it starts."""
    unit = f"{AT}/browser-vm-auth.service"
    files = {**PLAIN.files, unit: RUNBOOK.replace("node \\", "node --title=hunter2 \\")}
    told = agent(GuestDisk("/g.ext4", files))
    assert values(told)["entry"] == "/root/vm-browser-agent/server.js"
    assert "hunter2" not in repr(told)


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("RestartSec=2min 20s", "restart_s", 140.0),
        ("RestartSec=5 seconds", "restart_s", 5.0),
        ("RestartSec=a while", "restart_s", None),
        ("MemoryMax=50%", "memory_limit_mib", None),
        ("MemoryMax=infinity", "memory_limit_mib", "none"),
        ("MemoryMax=1T", "memory_limit_mib", 1 << 20),
        ("MemoryMax=100000", "memory_limit_mib", None),
        ("LimitNOFILE=1024:4096", "open_files", 4096),
        ("LimitNOFILE=1K", "open_files", None),
        ("LimitNOFILE=infinity", "open_files", "none"),
        ("WorkingDirectory=-/root/vm-browser-agent", "directory", "/root/vm-browser-agent"),
        ("WorkingDirectory=~", "directory", None),
    ],
)
def test_a_limit_is_told_as_systemd_reads_it_or_left_open(line: str, field: str, value: object) -> None:
    """None is told of one that is there and cannot be read."""
    files = {**PLAIN.files, f"{AT}/browser-vm-auth.service.d/z.conf": f"[Service]\nMemoryLimit=\n{line}\n"}
    told = agent(GuestDisk("/g.ext4", files))
    assert field in told
    assert values(told).get(field) == value


def test_a_disk_that_was_not_read_says_why() -> None:
    """At every field that it would have told."""
    unread = GuestDisk("/g.ext4", error="no ext4")
    fields = {**agent(unread), **guest(unread, None)}
    assert {"unit", "ssh_port", "vnc_port", "novnc_port", "listening_ports", "desktop_units"} <= fields.keys()
    for one in fields.values():
        assert isinstance(one, Open)
        assert "no ext4" in one.look


@pytest.mark.parametrize(
    ("disk", "public", "lets_in"),
    [(PLAIN, "ssh-ed25519 AAAAkey me", True), (PLAIN, "ssh-ed25519 AAAAke me", False), (OTHER, "a b", None)],
)
def test_whether_a_key_is_let_in(disk: GuestDisk, public: str, lets_in: bool | None) -> None:
    assert keys_told(disk, "root", public) is lets_in
