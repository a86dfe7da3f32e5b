"""Three deployments that are right and differ, as a look at each sees it, and what each profile is to say."""

from __future__ import annotations

from harness.host.parts import Process, Tap
from harness.survey.seen import File, HostSeen, Link, Mention, Opened, Rows, Service, Told, Vmm

ID = "vm-6b03852d-0631-4f91-ae8a-fd352348e9c2"
OTHER = "vm-1c22a1d4-9a3b-4a57-8c8e-0b9d3a6f1e10"
SHORT = "bvm-4f91ae8a"
UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
SNAPSHOTS = "/var/lib/firecracker/snapshots"
BASE = f"{SNAPSHOTS}/base"
JAIL = f"/srv/jailer/firecracker/{SHORT}/root"
HOST_NETNS = 4026531840


def process(pid: int, *argv: str, comm: str = "firecracker", netns: int = HOST_NETNS) -> Process:
    return Process(
        pid, 1, "S", comm, 100 + pid, ("/usr/bin/firecracker", *argv), "/usr/bin/firecracker", netns
    )


def golden(folder: str, *names: str, stem: str = "browser-vm-golden") -> tuple[File, ...]:
    kinds = {".ext4": "ext4", ".snap": "vmstate", ".mem": "memory"}
    found = [File(f"{folder}/{stem}{suffix}", kinds[suffix], 1 << 31) for suffix in names]
    return (*found, File(f"{folder}/vmlinux", "kernel", 1 << 25))


RUNBOOK = HostSeen(
    vmms=(
        Vmm(
            process(4711, "--api-sock", f"/var/run/firecracker/{ID}.sock"),
            Opened(
                4711,
                program="/usr/bin/firecracker",
                unit="master-controller.service",
                files=(f"/var/lib/firecracker/vms/{ID}/rootfs.ext4", f"{SNAPSHOTS}/browser-vm-golden.mem"),
                version="1.7.0",
                kvm=True,
            ),
        ),
        Vmm(
            process(99, "--api-sock", "/run/acc-0badc0/1/api.sock", "--id", "acc-0badc0-1"),
            Opened(99, program="/usr/bin/other-firecracker", unit="session-1.scope", version="1.16.0"),
        ),
    ),
    taps=(
        Tap("fc-vm-6b038", 7, HOST_NETNS, master="fcbr0"),
        Tap("vnet3", 8, HOST_NETNS, master="virbr0"),
        Tap("tap0", 2, 77, netns_name="acc-0badc0-1"),
    ),
    host_netns=HOST_NETNS,
    told=Told(
        services=(
            Service(
                "master-controller.service",
                pid=100,
                listens=(
                    "127.0.0.1:4000",
                    "127.0.0.1:9229",
                ),
                healthy={"127.0.0.1:4000": "/health"},
                mentions=(Mention("api-sock", "/opt/mc/vm.js:3"),),
            ),
            Service(
                "metrics.service", pid=101, listens=("127.0.0.1:9100",), healthy={"127.0.0.1:9100": "/health"}
            ),
        ),
        links=(
            Link("fcbr0", "bridge", ("192.168.100.1/24",)),
            Link("virbr0", "bridge", ("192.168.122.1/24",)),
            Link("docker0", "bridge", ("172.17.0.1/16",)),
        ),
        files=(
            *golden(SNAPSHOTS, ".ext4", ".snap", ".mem"),
            *golden("/home/polydev/old", ".ext4", ".snap", ".mem"),
        ),
    ),
)

COLDBOOT = HostSeen(
    vmms=(
        Vmm(
            process(30065, "--api-sock", f"/var/lib/firecracker/sockets/{ID}.sock"),
            Opened(
                30065,
                program="/usr/local/bin/firecracker",
                unit="controller@1.service",
                files=(f"/var/lib/firecracker/users/{ID}/rootfs.ext4",),
                version="1.12.1-dev",
                config={
                    "kernel": f"{BASE}/vmlinux",
                    "boot_args": "console=ttyS0 quiet root=/dev/vda rw ip=10.20.0.7::10.20.0.1:255.255.0.0",
                    "vcpus": 2,
                    "memory_mib": 2048,
                    "disk": f"/var/lib/firecracker/users/{ID}/rootfs.ext4",
                },
            ),
        ),
    ),
    taps=(Tap("fc-vm-6b038", 7, HOST_NETNS, master="br-vms"),),
    host_netns=HOST_NETNS,
    told=Told(
        services=(
            Service(
                "controller@1.service",
                pid=200,
                listens=("127.0.0.1:8443",),
                healthy={"127.0.0.1:8443": "/api/health"},
                mentions=(Mention("golden-browser-rootfs.ext4", "/opt/c/settings.js:31"),),
                log_files=(Mention("/var/log/master-controller.log", "/opt/c/settings.js:12"),),
            ),
            Service(
                "provider.service",
                pid=201,
                listens=("127.0.0.1:9090",),
                healthy={"127.0.0.1:9090": "/health"},
            ),
        ),
        links=(Link("br-vms", "bridge", ("10.20.0.1/16",)),),
        files=(
            File(f"{BASE}/golden-browser-rootfs.ext4", "ext4", 1 << 31),
            File(f"{BASE}/golden-cli-rootfs.ext4", "ext4", 1 << 30),
            File(f"/var/lib/firecracker/users/{ID}/rootfs.ext4", "ext4", 1 << 31),
            File(f"{BASE}/vmlinux", "kernel", 1 << 25),
        ),
    ),
)

JAILED = HostSeen(
    vmms=(
        Vmm(
            process(500, "--id", SHORT, "--api-sock", "/run/firecracker.socket", netns=900),
            Opened(
                500,
                program=f"{JAIL}/firecracker",
                root=JAIL,
                unit="fc-orchestrator.service",
                files=(f"{JAIL}/rootfs.ext4", "/data/golden/mem_file"),
                version="1.9.0",
                copy_of="/usr/local/bin/firecracker-v1.9.0",
                kvm=True,
            ),
        ),
    ),
    taps=(Tap("vmtap0", 3, 900, netns_name=SHORT),),
    host_netns=HOST_NETNS,
    told=Told(
        services=(
            Service(
                "fc-orchestrator.service",
                pid=300,
                listens=(
                    "127.0.0.1:8000",
                    "127.0.0.1:8001",
                ),
            ),
        ),
        files=(
            File("/data/golden/rootfs.ext4", "ext4", 1 << 31),
            File("/data/golden/snapshot_file", "vmstate", 1 << 17),
            File("/data/golden/mem_file", "memory", 1 << 30),
            File("/data/golden/vmlinux", "kernel", 1 << 25),
        ),
        installed={"/usr/local/bin/firecracker-v1.9.0": "1.9.0"},
    ),
)

ROWS = Rows(
    (
        {
            "vm_id": ID,
            "tap_device": "fc-vm-6b038",
            "socket_path": f"/var/run/firecracker/{ID}.sock",
            "ip_address": "192.168.100.2",
        },
    )
)
