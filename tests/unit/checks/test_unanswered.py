"""A program of a guest that is missing, fails or prints nonsense is our trouble: no check passes by it."""

from __future__ import annotations

import tomli_w

from tests.unit.peers.small_guest import PROGRAMS, site_of
from tests.unit.peers.small_suite import ROOT, Suite

pytest_plugins = ["pytester"]

FILES = (
    *("test_unit.py", "test_network.py", "test_restored.py", "test_source.py", "test_health.py"),
    *("test_launch_difference.py", "test_clock.py"),
)
CONFTEST = """
from pathlib import Path
from types import SimpleNamespace
import pytest
from harness.guest.look import look_at
from harness.guest.overlay import Overlay
from tests.unit.peers.small_guest import SmallGuest, lay_down, write

HARMS = {harms!r}

@pytest.fixture(scope="session", params=HARMS, ids=lambda harm: " ".join(harm[:2]))
def guest_look(request, site):
    folder = Path(site.agent.directory).parent
    lay_down(folder)
    program, _, script = request.param
    if program:
        write(folder, program, script) if script else (folder / "bin" / program).unlink()
    vm = SmallGuest(folder, site)
    try:
        yield look_at(vm.guest(remembers=True), site, born_at=vm.restored_at)
    finally:
        vm.hang_up()

@pytest.fixture(scope="session")
def golden_look(guest_look):
    return guest_look

@pytest.fixture(scope="session")
def session_look(guest_look):
    return guest_look

@pytest.fixture(scope="session")
def launch_overlay():
    return Overlay("nothing is written")

@pytest.fixture
def snapshot():
    return SimpleNamespace(manifest=lambda: None)
"""
UNIT = (
    "unit_is_active",
    "directive[Type]",
    "no_drop_in_changes_the_unit",
    "wait_online_is_enabled_and_succeeded",
    "agent_started_after_the_network",
    "port_is_the_agents",
)
FACTS = ("launch_breaks_nothing",)
LISTENERS = ("no_other_port_listens", "port_is_the_agents")
ASKED = {
    "systemctl": (*UNIT, "no_unit_failed", "no_watchdog_fired", *FACTS),
    "ss": LISTENERS,
    "systemd-analyze": ("unit_file_is_sound",),
    "find": FACTS,
    "tar": FACTS,
    "base64": FACTS,
    "cat": ("boot_is_the_snapshots", *FACTS),
    "uname": ("boot_is_the_snapshots", *FACTS),
    "date": ("clock_is_right",),
    **dict.fromkeys(("sed", "sort", "xargs", "sha256sum", "tr", "head"), FACTS),
    "node": ("server_source_parses",),
}
"""The checks that each program has a part in."""
ALL = tuple(dict.fromkeys(name for names in ASKED.values() for name in names))
OF_ALL = ("sh", "timeout", "mktemp", "tail")
"""Programs without which nothing can be asked."""
HARMS = {
    "missing": "",
    "failing": "exit 1",
    "printing nonsense": r"printf '\001gar=bage \377\n=x'",
}


def ask(suite: Suite) -> dict[str, str]:
    """Those checks of tests/guest, asked of a guest that is well and of one for each harm: their outcomes."""
    folder, machine = suite.root / "tests/guest", suite.root / "machine"
    for one in (folder, machine):
        one.mkdir(parents=True)
    for file in FILES:
        (folder / file).write_text((ROOT / "tests/guest" / file).read_text())
    harms = [(program, *harm) for program in (*ASKED, *OF_ALL) for harm in HARMS.items()]
    (folder / "conftest.py").write_text(CONFTEST.format(harms=[("", "well", ""), *harms]))
    suite.profile(tomli_w.dumps(site_of(machine)))
    exactly = {name.replace("[", "[ and ").rstrip("]").replace("[", "") for name in ALL}
    ended = suite.run("-k", " or ".join(f"({words})" for words in sorted(exactly)))
    return {check["name"].removeprefix("guest."): check["outcome"] for check in ended.verdict["checks"]}


def test_what_cannot_be_asked_is_broken(suite: Suite) -> None:
    """And only that: whoever does not need the program has the answer as before."""
    outcomes = ask(suite)
    seen = {
        (program, harm, name): outcomes[named(name, f"{program} {harm}")]
        for program in (*ASKED, *OF_ALL)
        for harm in HARMS
        for name in ALL
    }
    expected = {
        (program, harm, name): "BROKEN" if name in ASKED.get(program, ALL) else "PASS"
        for program, harm, name in seen
    }
    well = {name: outcomes[named(name, " well")] for name in ALL}
    assert well == dict.fromkeys(ALL, "PASS")
    assert {key: outcome for key, outcome in seen.items() if outcome != expected[key]} == {}


def named(name: str, harm: str) -> str:
    """What a check is called where its guest has that harm."""
    check, _, row = name.rstrip("]").partition("[")
    return f"{check}[{harm}{'-' if row else ''}{row}]"


def test_each_program_is_harmed() -> None:
    """Those that a check needs; rm only tidies up, readlink is testinfra's last resort, chown is for clones
    that are made as the controller makes its VMs."""
    assert {*ASKED, *OF_ALL} >= {*PROGRAMS} - {"rm", "readlink", "chown"}
