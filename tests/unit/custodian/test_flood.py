"""A clone whose VMM floods its console and its log takes no more memory than is kept of them."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from harness.custodian import logs
from tests.unit.peers.custodian_process import RUN, custodian_of
from tests.unit.peers.left_run import left

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="makes network namespaces, as root")

BURST = 4 << 20
FLOODING = f"""#!{sys.executable} -IS
import os, socket, sys, time
listening = socket.socket(socket.AF_UNIX)
listening.bind(sys.argv[sys.argv.index("--api-sock") + 1])
listening.listen()
log = os.open(sys.argv[sys.argv.index("--log-path") + 1], os.O_WRONLY)
for number in range(1 << 40):
    for out, word in ((1, "console"), (log, "log")):
        os.write(out, f"{{word}} {{number}}\\n".encode() * ({BURST} // len(f"{{word}} {{number}}\\n")))
    patience = time.monotonic() + 30
    while time.monotonic() < patience and any(
        os.fstat(out).st_blocks * 512 > {2 * logs.KEPT} for out in (1, log)
    ):
        time.sleep(0.01)
"""
"""In bursts, after each of which it waits for what is too much to be dropped, but not for long: so what is
seen is what is kept, on a slow machine, too, and not how fast a disk is."""
TOLD = logs.DROPPED.partition("{")[0]
ALLOWED = 2 * logs.KEPT + (16 << 20)
"""Bytes that a log may take: what is kept of it, a burst, and how a file system rounds."""
FAR = 2 * ALLOWED
"""Bytes after which it would be felt."""


def test_its_newest_part_is_kept_and_the_rest_told(host_folders: Path) -> None:
    (host_folders / "vmm").write_text(FLOODING)
    (host_folders / "vmm").chmod(0o755)
    (host_folders / "golden").write_bytes(b"x" * 5000)
    folder = host_folders / "run" / RUN / "1"
    with custodian_of(host_folders) as owner:
        words = {"binary": str(host_folders / "vmm"), "tap": "vmtap0", "address": "192.168.100.1/24"}
        plan = {**words, "source_disk": str(host_folders / "golden"), "start_timeout_s": 60}
        owner.ask("make_clone", timeout_s=60, name=f"{RUN}-1", ports=[], guest="192.168.100.2", **plan)
        deadline = time.monotonic() + 300
        most, far = 0, False
        while not far:
            assert time.monotonic() < deadline
            far = all((folder / name).stat().st_size >= FAR for name in ("console.log", "vmm.log"))
            most = max(most, *(path.stat().st_blocks * 512 for path in folder.glob("*.log")))
            assert most < ALLOWED
            time.sleep(0.01)
        assert most > logs.KEPT
        for name, word in (("console.log", "console "), ("vmm.log", "log ")):
            text = owner.ask("read", timeout_s=60, name=f"{RUN}-1", file=name)
            assert text.startswith(TOLD)
            assert f"\n{word}" in text[-1000:]
        assert word in owner.ask("last_words", timeout_s=60, name=f"{RUN}-1")
        ended = owner.ask("destroy", timeout_s=60, name=f"{RUN}-1")
        assert ended["failures"] == []
        assert ended["texts"]["vmm.log"].startswith(TOLD)
        assert owner.close() == ""
    assert left(host_folders) == []
