"""A launch that changes a guest: deployments that may, others that look alike and break something."""

from __future__ import annotations

import io
import json
import os
import re
import tarfile

import pytest

from harness.errors import TransportError
from harness.guest.claims import broken_by_the_launch
from harness.guest.facts import facts_of
from harness.guest.look import Look
from harness.guest.overlay import Overlay
from harness.outward import told
from tests.unit.peers.launched_guest import (
    TOKEN,
    UNIT,
    Change,
    Deployment,
    Launch,
    Launched,
    new_agent,
    nothing,
    other_modules,
    proxy_and_secrets,
)


def test_no_file_of_an_agent_is_kept_in_whole(launched: Launch) -> None:
    """Nobody knows what is secret in it."""
    asked = launched(proxy_and_secrets).session.asked()
    assert any("systemctl show" in command for command in asked)
    assert not any("base64" in command for command in asked)
    assert TOKEN not in json.dumps(asked)


def its_own_data(its: Deployment) -> None:
    """An agent that keeps its log and its sessions beside its program."""
    (its.agent / "agent.log").write_text("started\n")
    (its.agent / "sessions.sqlite").write_bytes(b"\0\1")
    (its.agent / "identity.json").write_text('{"vm": "vm-1"}\n')


def test_a_boot_is_no_difference(launched: Launch) -> None:
    """systemd shows what a unit comes after in another order each time; what it comes after is told."""

    def booted(its: Deployment) -> None:
        its.set_unit(("After=network-online.target basic.target", "After=basic.target network-online.target"))

    def other(its: Deployment) -> None:
        its.set_unit(("After=network-online.target basic.target", "After=basic.target network.target"))

    assert not launched(booted).found
    assert launched(other).found.other


def caches(its: Deployment) -> None:
    """What tools keep beside the libraries that they read, and write anew as they like."""
    for folder in ("node_modules/.cache/babel", "node_modules/jose/node_modules/.cache"):
        (its.agent / folder).mkdir(parents=True)
        (its.agent / folder / "loader.js").write_text("module.exports = 'compiled';\n")


def test_a_cache_is_no_difference(launched: Launch) -> None:
    """And a library of such a name elsewhere is one."""

    def alike(its: Deployment) -> None:
        caches(its)
        (its.agent / "node_modules/cache").mkdir()
        (its.agent / "node_modules/cache/index.js").write_text("exports.cache = 1;\n")

    assert not launched(caches).found
    assert launched(alike).found.modules


@pytest.mark.parametrize("change", [nothing, new_agent, proxy_and_secrets, its_own_data])
def test_a_right_deployment_may_differ(launched: Launch, change: Change) -> None:
    """Nothing of it is red, and experiments are made on the program that it writes.

    For its data alone no clone's agent is started again: what it took along from the snapshot is to be tried.
    """
    seen = launched(change)
    assert (seen.broken, seen.left_over()) == (set(), [])
    assert bool(seen.found) is (change is not nothing)
    assert bool(seen.overlay) is (change in (new_agent, proxy_and_secrets))
    assert TOKEN not in told(seen.found.text)
    assert "hunter2" not in told(seen.found.text)


def test_data_of_an_agent_is_no_other_agent(launched: Launch) -> None:
    """Though nothing was taken along of it."""
    assert launched(its_own_data).left_over(Overlay("nothing is written")) == []


def after_network(its: Deployment) -> None:
    """As the new agent; but the unit that is written is an old one."""
    new_agent(its)
    (its.folder / UNIT).write_text("[Unit]\nAfter=network.target\n[Service]\nRestart=always\n")
    its.set_unit(("After=network-online.target", "After=network.target"))


def drop_in_that_does_more(its: Deployment) -> None:
    """As the proxy; but its drop-in sets the port, too, and never lets the agent be restarted."""
    (its.drop_ins / "proxy.conf").write_text(
        "[Service]\nEnvironment=PORT=9090 HTTPS_PROXY=http://10.0.0.1:3128\nRestart=no\n"
    )
    its.set_unit(("Restart=always", "Restart=no"), ("PORT=8080", "PORT=9090"))


def stranger(its: Deployment) -> None:
    """As the agent's own data; but something of the launch goes on listening."""
    its_own_data(its)
    with (its.folder / "ss.txt").open("a") as file:
        file.write('LISTEN 0 5 0.0.0.0:9999 0.0.0.0:* users:(("python3",pid=500,fd=3))\n')


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        (after_network, {"guest.directive[After]"}),
        (
            drop_in_that_does_more,
            {
                "guest.directive[Restart]",
                "guest.directive[Environment]",
                "guest.no_drop_in_changes_the_unit",
            },
        ),
        (stranger, {"guest.no_other_port_listens"}),
    ],
)
def test_one_that_looks_alike_breaks_what_held(launched: Launch, change: Change, broken: set[str]) -> None:
    seen = launched(change)
    assert seen.broken == broken
    assert seen.left_over() == []


def test_what_was_broken_before_is_no_fault_of_the_launch(
    deployment: Deployment,
) -> None:
    """It is red in the golden snapshot's own row."""
    deployment.lay_down()
    after_network(deployment)
    golden = deployment.look()
    assert broken_by_the_launch(golden.guest, golden.guest, deployment.site) == {}


def other_node(its: Deployment) -> None:
    """Another node binary: no text of the agent has changed."""
    (its.folder / "node").write_text("node 12")


def much(its: Deployment) -> None:
    """More than can be taken along."""
    new_agent(its)
    (its.agent / "models.bin").write_bytes(b"\1" * (9 << 20))


@pytest.mark.parametrize(
    ("change", "others"),
    [
        (other_modules, ["its node_modules"]),
        (other_node, ["node"]),
        (much, [UNIT, "more.js", "server.js"]),
    ],
)
def test_an_agent_that_experiments_are_not_made_on_is_told(
    launched: Launch, change: Change, others: list[str]
) -> None:
    """What they prove would not hold for users' VMs."""
    assert sorted(launched(change).left_over()) == sorted(others)


def test_an_agent_that_no_launch_writes_by_the_profile_is_told(launched: Launch) -> None:
    nothing_written = Overlay("the profile says that a launch writes no file")
    assert sorted(launched(new_agent).left_over(nothing_written)) == sorted([UNIT, "more.js", "server.js"])


def test_another_mode_or_owner_is_told(launched: Launch) -> None:
    """The files are the same, and experiments are made on a clone whose agent may do with them as much."""
    seen = launched(lambda its: (its.agent / "package.json").chmod(0o600))
    (line,) = seen.found.lines
    assert re.search(r"json has another mode or owner: 0644 0:0 in .*, 0600 0:0 in the session's", line)
    assert seen.found.diffs == ()
    seen = launched(lambda its: os.chown(its.agent / "server.js", 65534, 65534))
    assert "server.js has another mode or owner" in seen.found.text
    assert "65534:65534 in the session's VM" in seen.found.text
    with tarfile.open(fileobj=io.BytesIO(seen.overlay.archive)) as archive:
        (member,) = archive
    assert (member.uid, member.gid) == (65534, 65534)


def test_a_diff_shows_what_changed(launched: Launch) -> None:
    text = launched(after_network).found.text
    for line in ("+setInterval(() => {}, 1000);", "-After=network-online.target", "+After=network.target"):
        assert f"\n{line}\n" in text
    assert "of the unit After: basic.target network-online.target in the golden snapshot" in text


def other_secrets(its: Deployment, secret: str) -> None:
    """What is kept secret, in files of three kinds."""
    (its.agent / "config.js").write_text(f"const db_password = '{secret}';\n")
    (its.agent / "keys.json").write_text(f'{{\n  "credentials": {{\n    "value": "{secret}"\n  }}\n}}\n')
    (its.drop_ins / "key.conf").write_text(f"[Service]\nEnvironment=PW={secret}\n")
    its.set_unit()


def test_another_secret_is_told_and_not_shown(deployment: Deployment) -> None:
    """Each of the files is known to be another; by its diff, which line of it."""

    def look(secret: str) -> Look:
        deployment.lay_down()
        other_secrets(deployment, secret)
        return deployment.look()

    found = Launched(look("first7"), look("geheim42"), deployment.site).found
    assert {path.rpartition("/")[2] for path in found.files} == {"config.js", "keys.json", "key.conf"}
    assert "first7" not in found.text
    assert "geheim42" not in found.text
    assert "\n-const db_password = '‹secret›';\n+const db_password = '‹secret›';\n" in found.text
    assert "\n-    ‹secret›\n+    ‹secret›\n" in found.text
    assert "key.conf\nwhat is not shown of it is another\n" in found.text


def test_files_of_a_pattern_are_the_units_too(deployment: Deployment) -> None:
    """EnvironmentFile=-/etc/agent/*.conf, as systemd shows it; what is in them is secret."""
    pattern = (
        f"{deployment.agent}/.env (ignore_errors=yes)",
        f"{deployment.folder}/conf/*.conf (ignore_errors=yes)",
    )
    deployment.lay_down()
    (deployment.folder / "conf").mkdir()
    (deployment.folder / "conf/a.conf").write_text("API_TOKEN=geheim77\n")
    deployment.set_unit(pattern)
    seen = facts_of(deployment.look().guest, deployment.site)
    assert str(deployment.folder / "conf/a.conf") in seen.files
    assert "geheim77" not in told("it is geheim77")


def test_what_the_sessions_vm_was_not_asked_cannot_be_told(launched: Launch) -> None:
    """It is gone by then; and what it was asked stands."""
    guest = launched(nothing).session.guest
    assert guest.unit(UNIT).get("Restart") == "always"
    with pytest.raises(TransportError, match="it is gone, and it had not been asked 'echo more'"):
        guest.run("echo more")
