"""Runs on the lab's host, in a network namespace of its own: QEMU alone, restored and polled.

The machine and the snapshot are those of the suite, without Firecracker's API, SSH or the driver: the
floor that the driver is held against. As every clone here does, this one learns of its restore by the
metadata service. Prints the seconds from the start of QEMU to a 200 of the agent.
"""

from __future__ import annotations

import http.client
import http.server
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

from lab.vmm import snapshot, tap
from lab.vmm.mmds.net import MAC as METADATA_MAC
from lab.vmm.qemu import memory
from lab.vmm.qemu.process import Hardware, Qemu

METADATA = "169.254.169.254"


class Restored(http.server.BaseHTTPRequestHandler):
    """A metadata service that says to a guest that it was restored."""

    def do_GET(self) -> None:
        """Say so."""
        body = json.dumps({"generation": "bench", "time": time.time()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *words: object) -> None:
        """Standard error is for errors."""


def main(vmstate: str, memory_file: str, disk: str, guest: str, gateway: str) -> None:
    """Restore once."""
    state = snapshot.read(Path(vmstate))
    header = state.header
    subprocess.run(["ip", "tuntap", "add", "bench0", "mode", "tap"], check=True)
    subprocess.run(["ip", "addr", "add", gateway, "dev", "bench0"], check=True)
    # The guest remembers that service's MAC from before the snapshot.
    subprocess.run(["ip", "link", "set", "bench0", "address", METADATA_MAC.hex(":")], check=True)
    subprocess.run(["ip", "addr", "add", METADATA, "dev", "bench0"], check=True)
    subprocess.run(["ip", "link", "set", "bench0", "up"], check=True)
    metadata = http.server.ThreadingHTTPServer((METADATA, 80), Restored)
    threading.Thread(target=metadata.serve_forever, daemon=True).start()
    Path("/proc/sys/net/ipv4/neigh/bench0/retrans_time_ms").write_text("20")
    for drive in header.drives:
        drive.path_on_host = disk
    for nic in header.network_interfaces:
        nic.host_dev_name = "bench0"
    nics = [tap.open_nic(nic) for nic in header.network_interfaces]
    ram = memory.of_snapshot(memory_file, header.machine_config.mem_size_mib)
    started = time.monotonic()
    qemu = Qemu(
        Hardware(header.accel, header.machine_config, header.drives, nics, header.entropy),
        ram_fd=ram,
        state=state.device_state,
    )
    try:
        qemu.connect()
        qemu.run("cont")
        _poll(guest, started + 60)
        print(json.dumps(time.monotonic() - started))
    finally:
        qemu.kill()


def _poll(guest: str, deadline: float) -> None:
    """Ask again at once: a lost first packet is not waited for, nor an answer to a MAC that is no more."""
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection(guest, 8080, timeout=0.03)
        try:
            connection.connect()
            connection.sock.settimeout(0.3)
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.005)
        finally:
            connection.close()
    raise SystemExit("the bare restore did not get healthy")


if __name__ == "__main__":
    main(*sys.argv[1:])
