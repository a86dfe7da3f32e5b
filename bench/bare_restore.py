"""Runs on the lab's host, in a network namespace of its own: QEMU alone, restored and polled.

The same machine and the same snapshot as the suite restores, without Firecracker's API, SSH or the driver:
the floor that the driver is held against. Prints the seconds from the start of QEMU to a 200 of the agent.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from pathlib import Path

from lab.vmm import memory, snapshot, tap
from lab.vmm.qemu import Hardware, Qemu


def main(vmstate: str, memory_file: str, disk: str, guest: str, gateway: str) -> None:
    """Restore once."""
    state = snapshot.read(Path(vmstate))
    header = state.header
    subprocess.run(["ip", "tuntap", "add", "bench0", "mode", "tap"], check=True)
    subprocess.run(["ip", "addr", "add", gateway, "dev", "bench0"], check=True)
    subprocess.run(["ip", "link", "set", "bench0", "up"], check=True)
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
    """Ask again at once; a connection whose first packet was lost is not waited for."""
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection(guest, 8080, timeout=0.03)
        try:
            connection.connect()
            connection.sock.settimeout(1)
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
