"""The run's timetable: what is slow is begun early where a check asks for it, and told to nobody else."""

from __future__ import annotations

import re

import pytest

from tests.unit.small_suite import Suite

pytest_plugins = ["pytester"]

RUN = """
def state(name):
    def made():
        print(f"<{name}>")
    return pytest.fixture(scope="session", name=name)(made)

names = "host_facts golden_digests launches world_before guest_facts experiments logins"
globals().update({name: state(name) for name in names.split()})

@pytest.fixture(scope="session")
def cold_boot(experiments): print("<cold_boot>")
@pytest.fixture(scope="session")
def link_outage(experiments): print("<link_outage>")
@pytest.fixture(scope="session")
def launched(launches): print("<launched>")
@pytest.fixture(scope="session")
def ended(launched, world_before): print("<ended>")
@pytest.fixture
def completed_login(request): request.getfixturevalue("logins")

@check()
def test_login(completed_login): print("<login?>")
@check()
def test_digest(golden_digests): print("<digest?>")
@check()
def test_boot(cold_boot): print("<boot?>")
@check()
def test_outage(link_outage): print("<outage?>")
@check()
def test_host(host_facts): print("<host?>")
@check()
def test_guest(guest_facts): print("<guest?>")
@check()
def test_end(ended): print("<end?>")
@check()
def test_launch(launched): print("<launch?>")
"""

WHOLE = """
world_before launches launched launch?
ended end?
guest_facts experiments guest?
golden_digests host_facts host?
cold_boot logins boot? link_outage outage?
digest?
login?
"""


@pytest.mark.parametrize(
    ("asked", "events"),
    [
        ("test_", WHOLE),
        (
            "test_launch or test_guest or test_host",
            "launches launched launch? guest_facts guest? host_facts host?",
        ),
        ("test_guest or outage", "guest_facts experiments guest? link_outage outage?"),
        ("login or test_guest", "guest_facts guest? logins login?"),
        ("login or outage", "experiments link_outage logins outage? login?"),
    ],
)
def test_what_is_slow_is_begun_early(suite: Suite, asked: str, events: str) -> None:
    """And only where a selected check will ask for it."""
    suite.write(RUN)
    assert re.findall(r"<(.*?)>", suite.run("-s", "-k", asked).output) == events.split()


@pytest.mark.parametrize("trouble", ["raise VmError('no room')", "pytest.skip('no user')"])
def test_what_cannot_begin_is_told_to_those_who_ask_for_it(suite: Suite, trouble: str) -> None:
    """The check with which it would have begun hears nothing of it."""
    suite.write(
        "@pytest.fixture(scope='session')\ndef host_facts(): pass\n"
        f"@pytest.fixture(scope='session')\ndef golden_digests(): {trouble}\n"
        "@check()\ndef test_host(host_facts): pass\n@check()\ndef test_digest(golden_digests): pass\n"
    )
    ended = suite.run()
    assert (ended.outcome("host.host"), ended.outcome("host.digest") != "PASS") == ("PASS", True)


NAMES = """
from fixtures import experiments, schedule

def test_names(pytestconfig):
    early = [early for turn in schedule.TIMETABLE for early in turn.early]
    named = {name for turn in schedule.TIMETABLE for name in turn.uses}
    named |= {name for one in early for name in (one.fixture, *one.before, *one.after, *one.asked_by)}
    plugins = pytestconfig.pluginmanager.get_plugins()
    assert [name for name in named if not any(hasattr(plugin, name) for plugin in plugins)] == []

def test_experiments():
    assert {row.fixture for row in experiments.ROWS} | {"identities"} == set(schedule.EXPERIMENTS)
"""


def test_every_name_in_the_timetable_is_a_fixture(suite: Suite) -> None:
    """A slip would begin nothing early, and put nothing in order."""
    suite.write(NAMES, file="tests/unit/test_made_up.py")
    ended = suite.run(site=False)
    assert ended.status == 0, ended.output
