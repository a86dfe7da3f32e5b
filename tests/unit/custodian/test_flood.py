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

FLOODING = f"""#!{sys.executable} -IS
import socket, sys
listening = socket.socket(socket.AF_UNIX)
listening.bind(sys.argv[sys.argv.index("--api-sock") + 1])
listening.listen()
with open(sys.argv[sys.argv.index("--log-path") + 1], "r+b", buffering=0) as log:
    for number in range(1 << 40):
        sys.stdout.write(f"console {{number}}\\n" * 1000)
        log.write(f"log {{number}}\\n".encode() * 1000)
"""
TOLD = logs.DROPPED.partition("{")[0]
FAR = 256 << 20
"""Bytes after which it would be felt."""


def test_its_newest_part_is_kept_and_the_rest_told(host_folders: Path) -> None:
    (host_folders / "vmm").write_text(FLOODING)
    (host_folders / "vmm").chmod(0o755)
    (host_folders / "golden").write_bytes(b"x" * 5000)
    folder = host_folders / "run" / RUN / "1"
    with custodian_of(host_folders) as owner:
        words = {"binary": str(host_folders / "vmm"), "tap": "vmtap0", "address": "192.168.100.1/24"}
        plan = {**words, "source_disk": str(host_folders / "golden"), "start_timeout_s": 20}
        owner.ask("make_clone", timeout_s=30, name=f"{RUN}-1", ports=[], guest="192.168.100.2", **plan)
        deadline = time.monotonic() + 60
        most = 0
        while any((folder / name).stat().st_size < FAR for name in ("console.log", "vmm.log")):
            assert time.monotonic() < deadline
            most = max(most, *(path.stat().st_blocks * 512 for path in folder.glob("*.log")))
            time.sleep(0.01)
        assert most < FAR * 3 / 4
        for name, word in (("console.log", "console "), ("vmm.log", "log ")):
            text = owner.ask("read", timeout_s=30, name=f"{RUN}-1", file=name)
            assert text.startswith(TOLD)
            assert f"\n{word}" in text[-1000:]
        assert word in owner.ask("last_words", timeout_s=30, name=f"{RUN}-1")
        ended = owner.ask("destroy", timeout_s=30, name=f"{RUN}-1")
        assert ended["failures"] == []
        assert ended["texts"]["vmm.log"].startswith(TOLD)
        assert owner.close() == ""
    assert left(host_folders) == []
