"""A VM's TAP device on the bridge."""

from __future__ import annotations

from pathlib import Path

from lab.controller.program import run

PREFIX = "fc-"
ID_CHARACTERS = 8


def name(vm_id: str) -> str:
    """The device's name; Linux allows 15 characters."""
    return PREFIX + vm_id[:ID_CHARACTERS]


def exists(device: str) -> bool:
    """Whether the host has it."""
    return Path("/sys/class/net", device).exists()


def all_devices() -> list[str]:
    """Every TAP device of a VM on this host."""
    return [path.name for path in Path("/sys/class/net").glob(f"{PREFIX}*")]


async def create(device: str, bridge: str) -> None:
    """Make it and join it to the bridge.

    It is isolated: it reaches the host, and no other VM. A clone comes up with the snapshot's MAC and address
    until it has its own, and no other VM may ever hear of those.
    """
    commands = (
        f"tuntap add dev {device} mode tap\n"
        f"link set dev {device} master {bridge} up\n"
        f"link set dev {device} type bridge_slave isolated on\n"
    )
    await run("ip", "-batch", "-", input_text=commands)


async def delete(device: str) -> None:
    """Delete it; nothing happens where it is gone."""
    if exists(device):
        await run("ip", "link", "delete", "dev", device)
