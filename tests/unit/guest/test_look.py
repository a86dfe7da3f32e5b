"""What the guest's own node says of the agent's entry, asked with all else that its checks ask."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import TransportError
from harness.guest import look as look_module
from harness.guest.facts import CMDLINE
from harness.guest.look import CLOCK, Look, entry_fault, look_at
from harness.infra.batch import ask_all
from harness.infra.host import Host
from harness.redact import redact
from harness.run import Result
from harness.site.profile import Site
from tests.unit.peers.shell_machine import this_machine
from tests.unit.peers.shell_machine import told as answered
from tests.unit.peers.small_guest import SmallGuest, lay_down, site_of, write

ESM = "import http from 'node:http';\nexport const server = http.createServer();\nawait 1;\n"


@pytest.fixture
def guest(tmp_path: Path) -> Iterator[SmallGuest]:
    """A guest whose agent's files may be others."""
    folder = tmp_path / "machine"
    lay_down(folder)
    vm = SmallGuest(folder, Site.model_validate(site_of(folder)))
    yield vm
    vm.hang_up()


def fault_of(vm: SmallGuest) -> str:
    """What node says, without a further round trip."""
    look = look_at(vm.guest(remembers=True), vm.hypervisor.site, born_at=vm.restored_at)
    asked = set(look.asked())
    try:
        return entry_fault(look.guest, vm.hypervisor.site)
    finally:
        assert set(look.asked()) == asked


@pytest.mark.parametrize(
    ("text", "package", "told"),
    [
        ("const a = 1;\n", None, ""),
        ("#!/usr/bin/env node\nconst a = 1;\nreturn;\n", None, ""),
        (ESM, '{"type": "module"}', ""),
        ("const a = = 1;\n", None, "Unexpected token '='"),
        ("import x from 'x';\nconst a = = 1;\n", '{"type": "module"}', "Unexpected token '='"),
        ("await 1;\nrequire('x');\nconst const = 1;\n", None, "SyntaxError"),
        ("", None, ""),
    ],
)
def test_node_says_what_is_wrong_with_it(
    guest: SmallGuest, text: str, package: str | None, told: str
) -> None:
    (guest.folder / "agent/server.js").write_text(text)
    if package:
        (guest.folder / "agent/package.json").write_text(package)
    fault = fault_of(guest)
    assert told in fault
    assert bool(told) is bool(fault)


def test_a_file_that_is_not_there_is_our_trouble(guest: SmallGuest) -> None:
    """The profile names another than there is."""
    (guest.folder / "agent/server.js").unlink()
    with pytest.raises(TransportError, match=r"there is no .*server\.js"):
        fault_of(guest)


@pytest.mark.usefixtures("forgetful")
def test_what_the_kernel_was_told_in_secret_is_not_kept(guest: SmallGuest) -> None:
    """Neither there, however short, nor, where it is long enough to be known again, in any other text."""
    line = "console=ttyS0 vm.password=geheim42 agent.pw=short quiet"
    write(guest.folder, "cat", f'case "$*" in *cmdline) echo "{line}" ;; *) exec cat "$@" ;; esac')
    look = look_at(guest.guest(remembers=True), guest.hypervisor.site, born_at=guest.restored_at)
    kept = look.asked()[CMDLINE]["stdout"]
    assert kept == "console=ttyS0 vm.password=‹secret› agent.pw=‹secret›\n"
    assert look.guest.check_output(CMDLINE) == line
    assert redact("boot_args: geheim42") == "boot_args: ‹secret›"


@pytest.mark.parametrize("harm", ["exit 1", "echo nonsense", "echo 'bad option: --check' >&2; exit 9"])
def test_a_node_that_cannot_check_is_our_trouble(guest: SmallGuest, harm: str) -> None:
    write(guest.folder, "node", harm)
    with pytest.raises(TransportError, match="--check ended with status"):
        fault_of(guest)


def test_a_clock_is_asked_alone(guest: SmallGuest, monkeypatch: pytest.MonkeyPatch) -> None:
    """All else takes seconds, and its answer is known no better than to the time that it took."""
    rounds: list[tuple[list[str], float]] = []

    def noted(host: Host, commands: list[str], *, timeout_s: float) -> dict[str, Result]:
        rounds.append((commands, time.time()))
        return ask_all(host, commands, timeout_s=timeout_s)

    monkeypatch.setattr("harness.guest.look.ask_all", noted)
    look = look_at(guest.guest(remembers=True), guest.hypervisor.site, born_at=guest.restored_at)
    (all_else, _), (clock, begun) = rounds
    assert (CLOCK in all_else, clock) == (False, [CLOCK])
    assert look.asked_at[0] <= begun <= look.asked_at[1]
    assert look.asked_at[0] > rounds[0][1]
    least_s, most_s = look.clock_error_s
    assert least_s <= 0 <= most_s


@pytest.mark.parametrize(
    ("said", "clock"),
    [
        ("1000.250000000\n", (-1.75, 0.25)),
        ("1000.%N\n", (-2.0, 1.0)),
        ("1000.N\n", (-2.0, 1.0)),
        ("1000.\n", (-2.0, 1.0)),
        ("1000", (-2.0, 1.0)),
    ],
    ids=["coreutils", "busybox", "another busybox", "another one", "whole seconds"],
)
def test_a_clock_is_known_as_well_as_it_is_told(said: str, clock: tuple[float, float]) -> None:
    with this_machine() as machine:
        answered(machine, CLOCK, said)
        assert Look(machine, 0.0, (1000.0, 1002.0)).clock_error_s == clock


LATER = """
n=$(cat {folder}/looks 2>/dev/null || echo 0); echo $((n + 1)) >{folder}/looks
cat {folder}/ss.txt
[ "$n" -lt {late} ] || printf 'LISTEN 0 5 0.0.0.0:%s 0.0.0.0:*\\n' 5901 6080
"""


@pytest.mark.parametrize(
    ("late", "window_s", "looks", "is_there"),
    [(0, 600, 1, True), (2, 600, 3, True), (2, 0, 1, False), (999, 0.05, None, False)],
)
def test_a_desktop_that_starts_beside_the_agent_has_its_time(
    guest: SmallGuest,
    monkeypatch: pytest.MonkeyPatch,
    late: int,
    window_s: float,
    looks: int | None,
    is_there: bool,
) -> None:
    """And no longer."""
    monkeypatch.setattr(look_module, "_WINDOW_POLL_S", 0.01)
    write(guest.folder, "ss", LATER.format(folder=guest.folder, late=late))
    look = look_at(
        guest.guest(remembers=True), guest.hypervisor.site, born_at=guest.restored_at, window_s=window_s
    )
    assert bool(look.guest.listener(6080).sockets) is is_there
    if looks:
        assert (guest.folder / "looks").read_text().strip() == str(looks)
