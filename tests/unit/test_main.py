"""``python -m harness``: one message each, and an exit status that a script can use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness import __main__ as program
from harness.__main__ import main
from harness.run import Result, run
from tests.unit.peers.small_suite import ROOT

NOBODY_THERE = """
name = "nobody there"
[host]
address = "127.0.0.1"
user = "nobody"
port = 1
[guest]
identity_file = "{key}"
[database]
url_env = "NO_SUCH_VARIABLE"
"""


def harness(*words: str) -> Result:
    """Run the command line in a process of its own."""
    return run([sys.executable, "-m", "harness", *words], timeout_s=120, check=False, cwd=ROOT)


def test_a_check_tries_everything_and_says_what_failed(tmp_path: Path) -> None:
    """A line each, what to do next, and what was not tried."""
    profile, key = tmp_path / "site.toml", tmp_path / "key"
    profile.write_text(NOBODY_THERE.format(key=key))
    key.write_text("a key")
    key.chmod(0o644)
    done = harness("site", "check", str(profile))
    tried = [line for line in done.stdout.splitlines()[1:] if line[2] != " " and "  n/a" not in line]
    lines = {line[10:22].strip(): line[:10].strip() for line in tried}
    assert done.status == 1, done.stderr
    assert done.stdout.startswith(f"{profile}: valid, nobody there\n")
    assert lines == {
        "host": "FAILED",
        "sudo": "-",
        "systemd": "-",
        "network": "-",
        "golden": "-",
        "guests": "-",
        "clones": "-",
        "vmm": "-",
        "controller": "-",
        "database": "FAILED",
        "guest key": "FAILED",
    }
    assert f"chmod 600 -- {key}" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("verb", ["check", "show"])
def test_a_wrong_profile_is_one_message(verb: str, tmp_path: Path) -> None:
    """Exit status 4, no traceback."""
    profile = tmp_path / "site.toml"
    profile.write_text("[host]\nport = 0\n")
    done = harness("site", verb, str(profile))
    assert (done.status, done.stdout) == (4, "")
    assert done.stderr.startswith(f"site profile {profile}:\n  name: required, and not given\n  host.port: ")
    assert "Traceback" not in done.stderr


def test_show_prints_what_is_in_force(capsys: pytest.CaptureFixture[str]) -> None:
    """The defaults, too."""
    assert main(["site", "show", str(ROOT / "sites" / "minipc.toml")]) == 0
    said = capsys.readouterr().out.splitlines()
    assert 'host.address = "192.168.10.133"' in said
    assert "agent.port = 8080" in said


def test_what_is_shown_can_be_read_back(tmp_path: Path) -> None:
    """Also names and texts that TOML has to quote."""
    profile = tmp_path / "site.toml"
    profile.write_text(
        NOBODY_THERE.format(key="/k").replace("nobody there", 'it\'s \\"quoted\\"')
        + '[state]\nignored_entries = ["a\\\\b", "it\'s"]\n[not_applicable]\n"host.bridge_up" = "no bridge"\n'
    )
    narrowed = '[database]\nlive_vm_statuses = ["up"]\nfinished_session_statuses = ["over"]\n'
    profile.write_text(profile.read_text().replace("[database]\n", narrowed))
    first = harness("site", "show", str(profile)).stdout
    profile.write_text(first)
    again = harness("site", "show", str(profile))
    assert (again.status, again.stdout) == (0, first)
    assert '"host.bridge_up" = "no bridge"' in first


@pytest.mark.parametrize(("name", "found"), [("host.bridge_up", "OK"), ("host.no_such_check", "FAILED")])
def test_a_check_of_a_profile_knows_the_names_of_checks(tmp_path: Path, name: str, found: str) -> None:
    """One that no check has would silently do nothing."""
    profile = tmp_path / "site.toml"
    waiver = f'[[waivers]]\ncheck = "{name}"\nreason = "r"\nowner = "o"\nticket = "t"\nuntil = 2020-01-31\n'
    text = NOBODY_THERE.format(key="/k").replace("[host]", f'advisory = ["{name}"]\n[host]', 1)
    profile.write_text(f'{text}[not_applicable]\n"{name}" = "because"\n{waiver}')
    lines = harness("site", "check", str(profile)).stdout.splitlines()
    (said,) = [line for line in lines if line[10:22].strip() == "names"]
    assert said.split()[0] == found
    told = " ".join("\n".join(lines).split())
    for field in ("not_applicable", "waivers", "advisory"):
        assert (f"{field}: no such check: {name}" in told) is (found == "FAILED")
    assert f"waived {name}: no more, since the end of 2020-01-31, o, t: r" in told


def test_the_version_is_the_projects() -> None:
    done = harness("--version")
    assert (done.status, done.stdout.split()[0]) == (0, "browser-vm-acceptance")


def test_a_terminal_without_a_sites_letters_shows_all_the_same(tmp_path: Path) -> None:
    profile = tmp_path / "site.toml"
    profile.write_text(NOBODY_THERE.format(key="/k").replace("nobody there", "日本"))
    words = [sys.executable, "-m", "harness", "site", "show", str(profile)]
    done = run(words, timeout_s=120, check=False, cwd=ROOT, env={"PYTHONIOENCODING": "latin-1"})
    assert done.status == 0, done.stderr
    assert r"\u65e5\u672c" in done.stdout


@pytest.mark.parametrize(("value", "shown"), [("true", "a\n: :warning::b\n"), ("", "a\n::warning::b\n")])
def test_what_a_site_says_is_no_command_in_a_job_of_githubs(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    value: str,
    shown: str,
) -> None:
    profile = tmp_path / "site.toml"
    profile.write_text('name = "x"\n[host]\naddress = "local"\nuser = "root"\n')
    monkeypatch.setenv("GITHUB_ACTIONS", value)
    monkeypatch.setattr("harness.__main__.site_values", lambda _: "a\n::warning::b")
    assert main(["site", "show", str(profile)]) == 0
    assert capsys.readouterr().out == shown


def test_own_checks_are_looked_at_with_the_profile_that_names_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a run would refuse is told here, too."""
    profile, file = tmp_path / "site.toml", tmp_path / "own" / "host" / "test_a.py"
    profile.write_text('checks = ["own"]\nadvisory = ["host.mine"]' + NOBODY_THERE.format(key="/no-key"))
    file.parent.mkdir(parents=True)
    told = {}
    for content in ("def test_mine(): pass\n", "def test_bridge_up(): pass\n", "def ("):
        file.write_text(content)
        assert main(["site", "check", str(profile)]) == 1
        told[content] = capsys.readouterr().out
    mine, taken, unread = told.values()
    assert f"OK      own checks  1 in {tmp_path}/own" in mine
    assert "OK      names" in mine
    assert "FAILED  own checks  names that the suite's checks have: host.bridge_up" in taken
    assert "FAILED  own checks" in unread
    assert "host/test_a.py, line 1" in unread


def test_a_reader_may_leave() -> None:
    """As `| head` does, of a long console: nothing is said of it but the status."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        line = [sys.executable, "-m", "harness", "site", "schema"]
        done = subprocess.run(line, stdout=writing, stderr=subprocess.PIPE, cwd=ROOT, timeout=60, check=False)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def test_another_pipe_that_breaks_is_no_reader_who_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> int:
        raise BrokenPipeError

    monkeypatch.setitem(program._BY_THEMSELVES, "history", broken)
    with Path(os.devnull).open("w") as nowhere:
        monkeypatch.setattr(sys, "stdout", nowhere)
        with pytest.raises(BrokenPipeError):
            main(["history"])
