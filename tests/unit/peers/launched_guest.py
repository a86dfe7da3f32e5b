"""A guest that was laid down, launched otherwise, and held against the golden snapshot's clone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.guest.claims import ask_every_claim, broken_by_the_launch
from harness.guest.difference import Difference, difference
from harness.guest.facts import Facts, facts_of
from harness.guest.look import Look, look_at
from harness.guest.overlay import Overlay, left_over, observed
from harness.site.profile import Site
from tests.unit.peers.small_guest import SmallGuest, lay_down

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


Change = Callable[[Deployment], None]
Launch = Callable[[Change], Launched]
"""Lays a deployment down, changes it so, and looks at both."""


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


def other_modules(its: Deployment) -> None:
    """As the new agent; but its libraries are others, too."""
    new_agent(its)
    (its.agent / "node_modules/jose/index.js").write_text("exports.jose = undefined;\n")
