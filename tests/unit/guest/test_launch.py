"""A launch that changes a guest: deployments that may, others that look alike and break something."""

from __future__ import annotations

import io
import json
import os
import re
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from harness.errors import HarnessError, TransportError, WaitTimeoutError
from harness.guest.claims import ask_every_claim, broken_by_the_launch
from harness.guest.difference import Difference, difference
from harness.guest.facts import Facts, facts_of
from harness.guest.look import Look, look_at
from harness.guest.overlay import Overlay, given, left_over, observed, write
from harness.host.hypervisor import Hypervisor
from harness.infra.environment import parse_environment
from harness.infra.units import Unit
from harness.outward import told
from harness.run import run
from harness.site.profile import Site
from harness.text import encoded
from tests.unit.peers.small_guest import SmallGuest, lay_down, site_of

UNIT = "browser-vm-auth.service"
TOKEN = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
SET = """Id={unit}
LoadState=loaded
ActiveState=active
SubState=running
NRestarts=0
UnitFileState=enabled
NeedDaemonReload=no
MainPID=412
ExecMainStartTimestampMonotonic=9000000
After=network-online.target basic.target
Wants=network-online.target
StartLimitIntervalUSec=0
Type=simple
Restart=always
RestartUSec=5s
WantedBy=multi-user.target
Environment=NODE_ENV=production PORT=8080
ExecStart={{ path={node} ; argv[]={node} {agent}/server.js ; ignore_errors=no ; start_time=[n/a] ; pid=412 }}
FragmentPath={folder}/{unit}
DropInPaths={drop_ins}
EnvironmentFiles={agent}/.env (ignore_errors=yes)
"""


@pytest.fixture(autouse=True)
def started_as_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent's process has what its unit sets: none runs here, and its file adds to it."""
    monkeypatch.setattr(Unit, "environment", lambda unit, _: parse_environment(unit.get("Environment")))


@dataclass
class Deployment:
    """A guest as it was laid down, and ways to launch it otherwise."""

    folder: Path
    site: Site

    @property
    def agent(self) -> Path:
        return self.folder / "agent"

    @property
    def drop_ins(self) -> Path:
        return self.folder / "drop-ins"

    def lay_down(self) -> None:
        lay_down(self.folder, unit_file="[Unit]\nAfter=network-online.target\n[Service]\nRestart=always\n")
        (self.folder / "node").write_text("node 18")
        (self.agent / "node_modules/jose").mkdir(parents=True)
        (self.agent / "node_modules/jose/index.js").write_text("exports.jose = 1;\n")
        (self.agent / "package.json").write_text("{}\n")
        self.drop_ins.mkdir()
        self.set_unit()

    def set_unit(self, *pairs: tuple[str, str]) -> None:
        """As systemd shows the unit, with some of its words exchanged."""
        drop_ins = " ".join(str(file) for file in sorted(self.drop_ins.glob("*.conf")))
        words = {"folder": self.folder, "agent": self.agent, "node": self.folder / "node"}
        shown = SET.format(unit=UNIT, drop_ins=drop_ins, **words)
        for old, new in pairs:
            assert old in shown
            shown = shown.replace(old, new)
        (self.folder / f"show.{UNIT}").write_text(shown)

    def vm(self) -> SmallGuest:
        return SmallGuest(self.folder, self.site)

    def look(self) -> Look:
        vm = self.vm()
        look = look_at(vm.guest(remembers=True), self.site, born_at=vm.restored_at)
        ask_every_claim(look.guest, self.site)
        look.guest.backend.seal("it is gone")
        return look


@dataclass
class Launched:
    """The two guests, held against each other."""

    golden: Look
    session: Look
    site: Site

    @property
    def facts(self) -> tuple[Facts, Facts]:
        return facts_of(self.golden.guest, self.site), facts_of(self.session.guest, self.site)

    @property
    def found(self) -> Difference:
        return difference(*self.facts, self.site)

    @property
    def broken(self) -> set[str]:
        return set(broken_by_the_launch(self.golden.guest, self.session.guest, self.site))

    @property
    def overlay(self) -> Overlay:
        return observed(*self.facts, self.found, self.site)

    def left_over(self, overlay: Overlay | None = None) -> list[str]:
        found = left_over(*self.facts, self.overlay if overlay is None else overlay, self.site)
        return [path.rpartition("/")[2] for path in found]


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    profile = site_of(tmp_path / "guest")
    profile["agent"]["node"] = str(tmp_path / "guest/node")
    return Deployment(tmp_path / "guest", Site.model_validate(profile))


@pytest.fixture
def launched(deployment: Deployment) -> Callable[[Callable[[Deployment], None]], Launched]:
    """The VM of a session, launched so, and the golden snapshot's clone."""

    def launch(change: Callable[[Deployment], None]) -> Launched:
        deployment.lay_down()
        golden = deployment.look()
        deployment.set_unit()
        change(deployment)
        return Launched(golden, deployment.look(), deployment.site)

    return launch


Launch = Callable[[Callable[[Deployment], None]], Launched]


def nothing(_: Deployment) -> None:
    """A VM restored from the golden snapshot, and left as it is."""


def new_agent(its: Deployment) -> None:
    """The agent and its unit are written, newer than the golden snapshot's."""
    with (its.agent / "server.js").open("a") as file:
        file.write("setInterval(() => {}, 1000);\n")
    (its.agent / "lib").mkdir()
    (its.agent / "lib/more.js").write_text("module.exports = 1;\n")
    (its.folder / UNIT).write_text("[Unit]\n# 2\nAfter=network-online.target\n[Service]\nRestart=always\n")


def proxy_and_secrets(its: Deployment) -> None:
    """A proxy by a drop-in, and what a VM keeps secret in a file of settings and in a program's text."""
    (its.drop_ins / "proxy.conf").write_text("[Service]\nEnvironment=HTTPS_PROXY=http://10.0.0.1:3128\n")
    (its.agent / ".env").write_text(f"SERVICE_KEY={TOKEN}\n")
    (its.agent / "config.js").write_text(f"exports.password = 'hunter2';\nexports.key = '{TOKEN}X9';\n")
    its.set_unit(("PORT=8080", "PORT=8080 HTTPS_PROXY=http://10.0.0.1:3128"))


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
def test_a_right_deployment_may_differ(launched: Launch, change: Callable[[Deployment], None]) -> None:
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
def test_one_that_looks_alike_breaks_what_held(
    launched: Launch, change: Callable[[Deployment], None], broken: set[str]
) -> None:
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


def other_modules(its: Deployment) -> None:
    """As the new agent; but its libraries are others, too."""
    new_agent(its)
    (its.agent / "node_modules/jose/index.js").write_text("exports.jose = undefined;\n")


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
    launched: Launch, change: Callable[[Deployment], None], others: list[str]
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


def removing(its: Deployment) -> None:
    """A launch that also removes a file of the agent."""
    proxy_and_secrets(its)
    new_agent(its)
    (its.agent / "package.json").unlink()
    (its.agent / "latest.js").symlink_to("server.js")


def test_an_overlay_makes_a_clone_as_the_sessions_vm_is(
    deployment: Deployment, launched: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File by file: what was added, changed, linked and removed."""
    seen = launched(removing)
    deployment.lay_down()
    vm = deployment.vm()
    monkeypatch.setattr(vm, "wait_healthy", lambda _timeout_s: None)
    write(vm, seen.overlay)
    deployment.set_unit()
    clone = deployment.look()
    now = facts_of(clone.guest, deployment.site)
    assert (now.files, now.carried) == (seen.facts[1].files, seen.facts[1].carried)
    vm.hang_up()


def test_an_agent_that_does_not_come_up_with_an_overlay_is_told(
    deployment: Deployment, launched: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is no finding of the experiment that was to come."""

    def never(_timeout_s: float) -> None:
        raise WaitTimeoutError("not healthy")

    overlay = launched(new_agent).overlay
    vm = deployment.vm()
    monkeypatch.setattr(vm, "wait_healthy", never)
    with pytest.raises(
        HarnessError, match="as the session's VM has them, its agent does not come up"
    ) as caught:
        write(vm, overlay)
    assert "launch.overlay" in caught.value.hint
    vm.hang_up()


def on_host(site: Site) -> Hypervisor:
    """This machine in the place of the host."""
    output = lambda argv, *, timeout_s: encoded(run(argv, timeout_s=timeout_s).stdout)  # noqa: E731
    return cast(Hypervisor, SimpleNamespace(site=site, output=output))


def test_files_that_the_profile_names_are_taken_from_the_host(
    deployment: Deployment, launched: Launch, tmp_path: Path
) -> None:
    """A file, and a whole folder; and then no libraries are left over that lie in it."""
    seen = launched(other_modules)
    on_its_host, unit = tmp_path / "host", tmp_path / "host.service"
    run(["cp", "-a", deployment.agent, on_its_host], timeout_s=60)
    unit.write_bytes((deployment.folder / UNIT).read_bytes())
    named = {
        str(deployment.agent): str(on_its_host),
        str(deployment.folder / UNIT): str(unit),
        "/etc/proxy.conf": str(unit),
    }
    site = deployment.site.model_copy(
        update={"launch": deployment.site.launch.model_copy(update={"overlay": named})}
    )
    overlay = given(on_host(site))
    assert seen.left_over(overlay) == []
    assert f"{deployment.agent}/node_modules/jose/index.js" in overlay.digests
    (on_its_host / "server.js").write_text("another\n")
    assert seen.left_over(given(on_host(site))) == ["server.js"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_that_is_copied_over_another_stays_its_owners(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else an agent that is not root's could not read its settings; what is new is root's."""
    host = tmp_path / "host"
    host.mkdir()
    for name in ("server.js", "new.js"):
        (host / name).write_text("// as the host has it\n")
        os.chown(host / name, 4321, 4321)
    deployment.lay_down()
    os.chown(deployment.agent / "server.js", 1234, 1235)
    named = {str(deployment.agent): str(host)}
    launch = deployment.site.launch.model_copy(update={"overlay": named})
    site = deployment.site.model_copy(update={"launch": launch})
    vm = deployment.vm()
    monkeypatch.setattr(vm, "wait_healthy", lambda _timeout_s: None)
    write(vm, given(on_host(site)))
    owners = [
        ((deployment.agent / name).stat().st_uid, (deployment.agent / name).stat().st_gid)
        for name in ("server.js", "new.js")
    ]
    assert owners == [(1234, 1235), (0, 0)]
    assert (deployment.agent / "server.js").read_text() == "// as the host has it\n"
    vm.hang_up()


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


def test_a_file_that_is_not_on_the_host_is_our_trouble(deployment: Deployment, tmp_path: Path) -> None:
    launch = deployment.site.launch.model_copy(update={"overlay": {"/a": str(tmp_path / "gone")}})
    site = deployment.site.model_copy(update={"launch": launch})
    with pytest.raises(TransportError, match=r"launch\.overlay: the files cannot be read on the host"):
        given(on_host(site))


def test_a_folder_that_holds_no_file_is_our_trouble(deployment: Deployment, tmp_path: Path) -> None:
    """Beside another that holds one: what is taken for written there would not be."""
    (tmp_path / "empty/inner").mkdir(parents=True)
    (tmp_path / "file").write_text("x")
    overlay = {"/opt/a": str(tmp_path / "file"), "/opt/agent": str(tmp_path / "empty")}
    launch = deployment.site.launch.model_copy(update={"overlay": overlay})
    site = deployment.site.model_copy(update={"launch": launch})
    with pytest.raises(TransportError, match=r"launch\.overlay: .*/empty, for /opt/agent, holds no file"):
        given(on_host(site))


def test_what_the_sessions_vm_was_not_asked_cannot_be_told(launched: Launch) -> None:
    """It is gone by then; and what it was asked stands."""
    guest = launched(nothing).session.guest
    assert guest.unit(UNIT).get("Restart") == "always"
    with pytest.raises(TransportError, match="it is gone, and it had not been asked 'echo more'"):
        guest.run("echo more")
