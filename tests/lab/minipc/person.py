"""Somebody who logs in from inside the twin's network, for a login tool that is reached by its VM's agent.

``python -m tests.lab.minipc.person <address to open> <address of the VM> <allow|deny> < password``
"""

from __future__ import annotations

import sys

import httpx

from harness.run import run
from lab.minipc import keys, nspawn
from lab.paths import LabPaths
from tests.unit.peers.provider_process import person, redirect
from tests.unit.peers.small_suite import ROOT


def decide(paths: LabPaths, *, url: str, address: str, decision: str) -> int:
    """Log in as the test user, decide, and hand the redirect to the agent; the status of its answer."""
    twin = nspawn.find(paths)
    assert twin, "it needs the twin: a program of this machine runs in its network"
    words = ["nsenter", f"--target={twin.leader.pid}", "--net", "--", sys.executable, "-m", __name__]
    secret = keys.test_user_password_file(paths).read_text("utf-8").strip()
    done = run([*words, url, address, decision], timeout_s=90, input_text=secret, cwd=ROOT)
    return int(done.stdout)


def main(url: str, address: str, decision: str) -> None:
    """What the module does in the twin's network."""
    with person() as somebody:
        page = somebody.logs_in(somebody.opens(url), sys.stdin.read())
        query = redirect(somebody.decides(page, decision)).query.decode()
    print(httpx.get(f"http://{address}:8080/auth/callback?{query}", timeout=60).status_code)


if __name__ == "__main__":
    main(*sys.argv[1:])
