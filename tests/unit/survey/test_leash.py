"""What is asked of a host ends there with whoever asks, however that ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.custodian.names import is_running, start_time
from harness.site.profile import HostSection, Site
from harness.survey.ask import looking
from harness.wait import wait_until
from tests.unit.peers.private_sshd import private_sshd
from tests.unit.peers.small_suite import ROOT

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes root")

ENDLESS = """
import json, os, subprocess, sys
child = subprocess.Popen(["sleep", "300"])
there = json.loads(sys.argv[1])
with open(there + ".new", "w") as file:
    json.dump([os.getpid(), child.pid], file)
os.rename(there + ".new", there)
child.wait()
"""
ASKS = """
import pathlib, sys
from harness.site.profile import Site
from harness.survey.ask import looking
site, source, there = sys.argv[1:]
with looking(Site.model_validate_json(site)) as looker:
    pathlib.Path(there + ".folder").write_text(str(looker.connection.directory))
    looker.python(source, there, timeout_s=200)
"""


@pytest.fixture(params=["local", "ssh"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """This machine as a host, asked directly or by SSH."""
    if request.param == "local":
        yield Site(name="here", host=HostSection(transport="local"))
        return
    with private_sshd(tmp_path) as sshd:
        login = sshd.login
        yield Site(
            name="here",
            host=HostSection(
                address=login.address,
                port=login.port,
                user=login.user,
                identity_file=login.identity_file,
                known_hosts_file=login.known_hosts_file,
                connect_timeout_s=60,
            ),
        )


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_it_ends_with_whoever_asks(site: Site, number: signal.Signals, tmp_path: Path) -> None:
    there = tmp_path / "pids"
    words = [sys.executable, "-c", ASKS, site.model_dump_json(exclude_unset=True), ENDLESS, str(there)]
    with subprocess.Popen(words, cwd=ROOT, stderr=subprocess.DEVNULL) as asking:
        try:
            wait_until(there.exists, what="it is asked", timeout_s=120)
            pids = {pid: start_time(pid) for pid in json.loads(there.read_text())}
            folder = Path((tmp_path / "pids.folder").read_text())
            assert folder.is_dir()
            asking.send_signal(number)
            asking.wait(30)
        finally:
            asking.kill()
    wait_until(
        lambda: not any(is_running(pid, began) for pid, began in pids.items()),
        what="all that was started has ended",
        timeout_s=30,
    )
    if site.host.transport == "ssh":
        wait_until(lambda: not folder.exists(), what="the connection has ended", timeout_s=30)


def test_an_argument_and_an_answer_of_any_length_get_through(site: Site) -> None:
    """A short one goes on the command line, a long one by stdin, which goes on behind it."""
    echo = "import json, sys\nword = sys.argv[1]\n"
    echo += "json.dump(json.loads(sys.stdin.read() if word == '-' else word), sys.stdout)"
    with looking(site) as looker:
        for text in ("", "é", "ü" * 70_000, "x" * (1 << 20)):
            assert looker.python(echo, text, timeout_s=60) == text
