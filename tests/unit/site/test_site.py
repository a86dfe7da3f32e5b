"""Which site a run is about, and what a wrong profile says: one message, no traceback."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from harness.errors import SiteError, UsageError
from harness.site.choice import choose_site
from harness.site.docs import site_docs, site_values
from harness.site.load import load_site
from harness.site.profile import Site
from harness.site.secrets import secret
from tests.unit.peers.small_suite import ROOT, Suite

pytest_plugins = ["pytester"]

WAIVER = """name = "x"
[[waivers]]
check = "host.{}"
reason = "the switch is on order"
owner = "ops"
ticket = "OPS-7"
until = {}
"""
WRONG = {
    "not TOML": ("name = ", "not TOML"),
    "no name": ("", "name: required, and not given"),
    "unknown field": ('name = "x"\n[host]\nadress = "y"', "host.adress: no such field; address is meant?"),
    "unknown table": ('name = "x"\n[hots]\n', "hots: no such field"),
    "wrong type": ('name = "x"\n[host]\nport = "ssh"', "host.port: expected a whole number, found 'ssh'"),
    "out of range": ('name = "x"\n[host]\nport = 70000', "host.port: expected 65535 or less, found 70000"),
    "not absolute": ('name = "x"\n[snapshot]\ndisk = "a"', "snapshot.disk: expected an absolute path"),
    "no address": (
        'name = "x"\n[network]\nfirst_vm = "300.1.1.1"',
        "network.first_vm: expected an IPv4 address, as 192.168.100.2, found '300.1.1.1'",
    ),
    "no choice": ('name = "x"\n[host]\ntransport = "telnet"', "host.transport: expected 'ssh' or 'local'"),
    "no reason": ('name = "x"\n[not_applicable]\n"host.x" = ""', "not_applicable.host.x: expected some text"),
    "no date": (WAIVER.format("x", '"soon"'), "waivers.0.until: expected a date without quotes"),
    "a time of day": (WAIVER.format("x", "2026-12-24T00:00:00Z"), "waivers.0.until: expected a date"),
    "no owner": (
        WAIVER.format("x", 1).replace("owner", "bearer"),
        "waivers.0.owner: required, and not given",
    ),
    "waived twice": (
        WAIVER.format("x", "2026-12-24") + WAIVER.format("x", "2027-12-24").replace('name = "x"', ""),
        "one check is waived twice",
    ),
    "not a text": ('name = "x"\n[host]\naddress = 1', "host.address: expected a text in quotes, found 1"),
    "clones in jails": (
        'name = "x"\n[state]\nvms_dir = "none"\njails_dir = "/srv/x"\n'
        '[snapshot]\ndisk = "/srv/x/golden/a.ext4"',
        "would go into state.jails_dir: set state.clones_dir",
    ),
    "no database": ('name = "x"\n[database]\nurl_env = "none"', "one of url_env and url_file is needed"),
}


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_profile_is_one_message(suite: Suite, text: str, said: str) -> None:
    """File, field, what was expected; exit status 4; nothing ran."""
    path = suite.profile(text)
    suite.write("@check()\ndef test_it(): pass\n")
    ended = suite.run("-m", "acceptance")
    assert ended.status == 4
    assert f"ERROR: site profile {path}:" in ended.output
    assert said in ended.output
    assert "Traceback" not in ended.output
    assert "VERDICT" not in ended.output


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    """One run of the check, one mending."""
    path = tmp_path / "site.toml"
    path.write_text("[host]\nport = 0\n[agent]\nport = 0\nodd = 1\n")
    with pytest.raises(SiteError) as caught:
        load_site(path)
    assert [line.split(":")[0].strip() for line in caught.value.message.splitlines()[1:]] == [
        "name",
        "host.port",
        "agent.port",
        "agent.odd",
    ]


def test_a_fault_does_not_print_whole_tables(tmp_path: Path) -> None:
    """They may hold what somebody put there by mistake."""
    path = tmp_path / "site.toml"
    path.write_text('name = "x"\n[database]\nurl_env = "none"\nurl = "postgresql://me:hunter2@db/x"\n')
    with pytest.raises(SiteError) as caught:
        load_site(path)
    assert "hunter2" not in str(caught.value)


def test_none_can_be_said(tmp_path: Path) -> None:
    """TOML has no null."""
    path = tmp_path / "site.toml"
    path.write_text(
        'name = "none"\n[host]\ntransport = "local"\n[snapshot]\nvmstate = "none"\n'
        '[guest]\nidentity_file = "~/key"\n'
    )
    site = load_site(path)
    assert (site.name, site.snapshot.vmstate) == ("none", None)
    assert site.guest.identity_file == Path.home() / "key"


def test_jails_may_stand_for_the_folders_of_vms(tmp_path: Path) -> None:
    """For one of them, or for both; where a profile says nothing of that, all is as it was."""
    path = tmp_path / "site.toml"
    told = []
    for none in (("vms_dir",), ("sockets_dir",), ("vms_dir", "sockets_dir")):
        lines = "".join(f'{field} = "none"\n' for field in none)
        path.write_text(f'name = "x"\n[host]\ntransport = "local"\n[state]\njails_dir = "/srv/j"\n{lines}')
        told.append(load_site(path).state)
    vms, sockets = "/var/lib/firecracker/vms", "/var/run/firecracker"
    assert [one.home for one in told] == ["/srv/j", vms, "/srv/j"]
    assert [one.folders for one in told] == [(sockets, "/srv/j"), (vms, "/srv/j"), ("/srv/j",)]


def test_no_site_is_one_message(suite: Suite) -> None:
    """It says what to do; exit status 4."""
    suite.write("@check()\ndef test_it(): pass\n")
    ended = suite.run(site=False)
    assert ended.status == 4
    assert "ERROR: no site: neither --site nor ACCEPTANCE_SITE" in ended.output
    assert "python -m lab up" in ended.output


def test_a_test_that_uses_the_site_needs_one_too(suite: Suite) -> None:
    """Not only checks: whatever asks for the fixture."""
    suite.write("def test_it(site): assert site.name == 'nowhere'\n", file="tests/unit/test_a.py")
    assert suite.run(site=False).status == 4
    assert suite.run().status == 0


def _lab(home: Path, leader: dict[str, int] | None) -> dict[str, str]:
    (home / "run").mkdir(parents=True)
    (home / "site.toml").write_text('name = "lab"')
    if leader:
        (home / "run" / "leader.json").write_text(json.dumps(leader))
    return {"LAB_HOME": str(home)}


def _started(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


def test_what_is_named_goes_before_the_lab(tmp_path: Path) -> None:
    """--site, then ACCEPTANCE_SITE, then a lab that is up; an empty variable names nothing."""
    lab = _lab(tmp_path, {"pid": os.getpid(), "started": _started(os.getpid())})
    assert choose_site(Path("a"), {**lab, "ACCEPTANCE_SITE": "b"}) == Path("a")
    assert choose_site(None, {**lab, "ACCEPTANCE_SITE": "b"}) == Path("b")
    assert choose_site(None, {**lab, "ACCEPTANCE_SITE": ""}) == tmp_path / "site.toml"


@pytest.mark.parametrize(
    "leader", [None, {"pid": os.getpid(), "started": 1}, {"pid": 2**22 + 1, "started": 1}]
)
def test_a_lab_that_is_down_is_no_site(tmp_path: Path, leader: dict[str, int] | None) -> None:
    """Its profile may lie there still, and its leader's number may be another's now."""
    with pytest.raises(UsageError, match="no lab is up"):
        choose_site(None, _lab(tmp_path, leader))


def test_a_secret_comes_from_the_environment_or_a_closed_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment goes first; a file that others can read is refused."""
    file = tmp_path / "url"
    file.write_text("from-the-file\n")
    file.chmod(0o640)
    monkeypatch.delenv("SOME_URL", raising=False)
    with pytest.raises(SiteError, match="can be read by others"):
        secret("SOME_URL", file, what="database")
    file.chmod(0o600)
    assert secret("SOME_URL", file, what="database") == "from-the-file"
    monkeypatch.setenv("SOME_URL", "from-the-environment")
    assert secret("SOME_URL", file, what="database") == "from-the-environment"
    monkeypatch.delenv("SOME_URL")
    with pytest.raises(SiteError, match="SOME_URL is not set"):
        secret("SOME_URL", None, what="database")


def test_the_runbooks_profile_is_valid_and_holds_the_defaults() -> None:
    """What sites/minipc.toml spells out is what the runbook has, so nothing in it surprises."""
    site = load_site(ROOT / "sites" / "minipc.toml")
    given = {"name", "host.address", "host.user", "guest.identity_file"}
    differing = set(site_values(site).splitlines()) ^ set(site_values(Site(name="x")).splitlines())
    assert {line.partition(" = ")[0] for line in differing} == given


def test_every_field_says_what_it_means() -> None:
    """A field without a docstring would be an empty cell."""
    assert [line for line in site_docs().splitlines() if line.endswith("|  |")] == []


def test_the_page_of_the_profile_is_current() -> None:
    """python -m harness site docs > docs/site-profile.md"""
    assert (ROOT / "docs" / "site-profile.md").read_text() == site_docs()


RIGHT = {
    "no hibernation": '[database]\nlive_vm_statuses = ["creating", "running", "stopping"]',
    "another word for launching": '[database]\nlive_vm_statuses = ["starting", "running", "hibernated"]',
    "no timeout": '[database]\nfinished_session_statuses = ["completed", "failed", "cancelled"]',
    "a socket beside each disk": '[state]\nvms_dir = "/srv/fc"\nsockets_dir = "/srv/fc"',
    "a bridge that is called as TAPs are": '[state]\ntap_prefix = "fc"',
    "a bridge among its VMs": '[network]\nbridge_address = "192.168.100.100/24"',
    "a pattern about passwords": "[controller]\nignore_errors = ['ERROR: wrong password = null']",
    "a marker about tokens": "[session]\nmarkers = ['token=[0-9a-f]+ taken']\nmarker_s = [5]",
    "a selector of a token": """[session]\npassword_field = "input[data-token='x'][password=on]\"""",
    "a reason about a password": "[not_applicable]\n'host.x' = 'the proxy says password=wrong'",
    "a session's id for a token": "[session]\nwebsocket_path = '/websockify?token={session}'",
    "a password to be typed": "[session]\nlogin_keys = ['user={user}', 'password={password}']",
    "a waiver of a row": WAIVER.format("x[a b]", "2026-12-24").partition("\n")[2],
    "words without a value": "[agent]\nenvironment = {ASKS = 'password', TOKENS = 'tokens=5 password='}",
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_deployment_that_differs_is_taken(name: str, tmp_path: Path) -> None:
    profile = tmp_path / "site.toml"
    profile.write_text(f'name = "x"\n[host]\naddress = "a.example"\nuser = "u"\n{RIGHT[name]}\n')
    assert load_site(profile).name == "x"


def test_a_variable_in_small_letters_counts_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = tmp_path / "site.toml"
    profile.write_text(
        'name = "x"\n[host]\naddress = "a.example"\nuser = "u"\n[database]\nurl_env = "database_url"\n'
    )
    with pytest.raises(SiteError, match=r"url_env: expected the NAME"):
        load_site(profile)
    monkeypatch.setenv("database_url", "postgresql://")
    assert load_site(profile).database.url_env == "database_url"
