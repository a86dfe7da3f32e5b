"""What a VM has of its own, by its own words: bytes that its kernel draws, MACs, machine-id, SSH keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.errors import TransportError

ASK = """
head -c 24 /dev/urandom | base64 | sed 's/^/kernel /'
for dev in /sys/class/net/*; do
    [ "${dev##*/}" = lo ] || { read -r mac <"$dev/address" && echo "mac $mac"; }
done
[ -r /etc/machine-id ] && { read -r id </etc/machine-id; echo "machine-id $id"; }
for key in /etc/ssh/*_key.pub; do
    [ -r "$key" ] && { read -r kind body _ <"$key"; echo "host-key $kind $body"; }
done
head -c 24 /dev/urandom | base64 | sed 's/^/kernel /'
"""
"""Shell for its root."""
ASK_S = 60.0


@dataclass(frozen=True)
class Identity:
    """One VM's."""

    kernel: tuple[str, ...]
    """Bytes from /dev/urandom, in base64, in the order they were drawn."""
    macs: tuple[str, ...]
    machine_id: str
    host_keys: tuple[str, ...]


def read_identity(text: str, complaint: str, *, whose: str) -> Identity:
    """What :data:`ASK` printed, and what it complained of.

    :raises TransportError: it has drawn no bytes.
    """
    told: dict[str, list[str]] = {}
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        told.setdefault(key, []).append(value)
    if len(told.get("kernel", [])) < 2:
        raise TransportError(f"{whose}: no random bytes from the guest: {complaint.strip()[-300:]}")
    return Identity(
        kernel=tuple(told["kernel"]),
        macs=tuple(told.get("mac", [])),
        machine_id=" ".join(told.get("machine-id", [])),
        host_keys=tuple(told.get("host-key", [])),
    )


def shared(values: Iterable[tuple[str, str]]) -> Sequence[str]:
    """Those whose value, of pairs of who and what, somebody else has, too; none where all are distinct."""
    owners: dict[str, list[str]] = {}
    for who, value in values:
        owners.setdefault(value, []).append(who)
    return sorted({who for several in owners.values() if len(several) > 1 for who in several})
