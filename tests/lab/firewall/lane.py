"""Run inside an empty network namespace, as root: a bridge, a "VM" behind it, and rules that are loaded.

Reads shell commands as a JSON list from stdin; for each prints what the tools then show of the rules, and
whether an HTTP-like exchange from here to the VM's port got through.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys

VM = """
import socket, sys
print("here", flush=True)
sys.stdin.readline()
with socket.create_server(("0.0.0.0", 8080)) as server:
    print("listening", flush=True)
    while True:
        with server.accept()[0] as one:
            one.sendall(one.recv(10))
"""


def sh(text: str) -> str:
    """Run a shell command that must succeed."""
    return subprocess.run(["sh", "-ec", text], check=True, capture_output=True, text=True, timeout=60).stdout


def gets_through() -> bool:
    """Whether the VM echoes what it is sent."""
    try:
        with socket.create_connection(("192.168.100.7", 8080), timeout=0.25) as one:  # the kernels' own work
            one.settimeout(20)  # the VM's
            one.sendall(b"x")
            return one.recv(10) == b"x"
    except OSError:
        return False


def main() -> None:
    """All cases, one after the other."""
    sh("ip link add fcbr0 type bridge; ip addr add 192.168.100.1/24 dev fcbr0; ip link set fcbr0 up")
    pipe = subprocess.PIPE
    argv = ["unshare", "--net", sys.executable, "-c", VM]
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True) as vm:
        try:
            assert vm.stdin
            assert vm.stdout
            vm.stdout.readline()
            inside = f"nsenter --net=/proc/{vm.pid}/ns/net"
            sh(f"ip link add fc-vm-1 type veth peer name eth0 netns {vm.pid}")
            sh("ip link set fc-vm-1 master fcbr0 up")
            sh(f"{inside} ip addr add 192.168.100.7/24 dev eth0; {inside} ip link set eth0 up")
            vm.stdin.write("go\n")
            vm.stdin.flush()
            vm.stdout.readline()
            print(json.dumps([case(command) for command in json.load(sys.stdin)]))
        finally:
            vm.kill()


def case(command: str) -> dict[str, object]:
    """Load rules into an empty rule set, and try."""
    sh("nft flush ruleset; iptables-legacy -F")
    sh(command)
    legacy = "-legacy" if command.startswith("iptables-legacy") else ""  # as that host's own tools would be
    rules, nft = sh(f"iptables{legacy}-save"), json.loads(sh("nft -j list ruleset"))
    printed = {"nft": nft["nftables"], "iptables": rules}
    return {"printed": printed, "through": gets_through()}


if __name__ == "__main__":
    main()
