"""The host's rule sets as lines that can be compared, and which of them are about VMs. Pure.

A host's firewall has rules of other people, which come and go: bans, ports of containers. A line is about VMs
where it names their bridge, their network or a part of it, or their TAP devices, or where it is about all
packets of a chain; about one VM where it names that one's address, TAP or id.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from harness.answers import reading
from harness.database.vm_rows import LiveRow
from harness.host.firewall.iptables import lines_of
from harness.world.inventory import Inventory, begins

_COUNTERS = re.compile(r"\[\d+:\d+\]")
_VOLATILE = ("handle", "expires", "packets", "bytes", "used")
_SPAN = re.compile(r"(?<![\d.])((?:\d+\.){3}\d+)(?:/(\d+)|-((?:\d+\.){3}\d+))?(?![\d.])")
_DEVICE = re.compile(r"(?<![\w.-])([\w.-]+)([+*]?)")
_ALL_PACKETS = re.compile(
    r"iptables(?:-legacy)?: \w+ (?:"
    r":[A-Z]+ DROP"
    r"|-A [A-Z]+ -j (?:ACCEPT|DROP|REJECT)\b"
    r")"
    r'|nft: chain .*"policy": "drop"'
    r'|nft: rule .*"expr": \[(?:\{"counter": \{\}\}, )?\{"(?:accept|drop|reject)": [^]]*\]'
)

Span = tuple[IPv4Address, IPv4Address]


def rule_lines(printed: Mapping[str, Any]) -> Iterator[str]:
    """A line a rule, chain, table, or element of a set; without counters and what else changes by itself.

    :raises UnreadableError: they are not what the tools print.
    """
    with reading("the host's firewall"):
        for tool in sorted(printed):
            content = printed[tool]
            lines = _saved(content) if isinstance(content, str) else _listed(content)
            yield from [f"{tool}: {line}" for line in lines]


def _saved(text: str) -> Iterator[str]:
    """What ``iptables-save`` printed; each line with its table."""
    table = ""
    for line in lines_of(text):
        if line.startswith("*"):
            table = line[1:]
        elif not line.startswith("#"):
            yield f"{table} {_COUNTERS.sub('', line).strip()}"


def _listed(objects: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """What ``nft -j`` listed; an element of a set comes and goes by itself, in no order."""
    for kind, body in (one for entry in objects for one in entry.items()):
        if kind == "metainfo":
            continue
        elements = body.get("elem", []) if kind in ("set", "map") else []
        yield f"{kind} {_text({name: value for name, value in body.items() if name != 'elem'})}"
        where = " ".join(str(body.get(name)) for name in ("family", "table", "name"))
        lasting = (one for one in elements if '"expires"' not in json.dumps(one))
        yield from sorted(f"element of {where}: {_text(one)}" for one in lasting)


def _steady(value: Any) -> Any:
    """Without what changes by itself; networks and ranges as iptables writes them."""
    if isinstance(value, list):
        return [_steady(one) for one in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"prefix"}:
        return f"{value['prefix']['addr']}/{value['prefix']['len']}"
    if set(value) == {"range"}:
        return "-".join(map(str, value["range"]))
    return {key: _steady(one) for key, one in value.items() if key not in _VOLATILE}


def _text(value: Any) -> str:
    return json.dumps(_steady(value), sort_keys=True)


@dataclass(frozen=True)
class Concern:
    """Which lines matter to one VM: those about it, and those about all VMs."""

    inventory: Inventory
    vm: LiveRow

    def __call__(self, line: str) -> bool:
        """Whether a line is about this VM, or about VMs and no single other one of them."""
        spans, devices = list(_spans(line)), _DEVICE.findall(line)
        vms = [span for span in spans if self._are_vms(span)]
        bridge = self.inventory.site.network.bridge
        names = [
            name for name, more in devices if name.startswith(self._prefix) and not more and name != bridge
        ]
        names += self.inventory.ids(line)
        if any(map(self._holds_ours, vms)) or any(begins(one, our) for one in names for our in self._names):
            return True
        if vms or names:
            return False
        if _ALL_PACKETS.match(line):
            return True
        return any(map(self._meets_theirs, spans)) or any(self._is_way(*device) for device in devices)

    @cached_property
    def _names(self) -> set[str]:
        return {self.vm.vm_id, *self.inventory.tap_names(self.vm)}

    @property
    def _prefix(self) -> str:
        return self.inventory.site.state.tap_prefix

    def _are_vms(self, span: Span) -> bool:
        """Whether all addresses of a span are VMs'."""
        network = self.inventory.site.network
        return network.first_vm <= span[0] and span[1] <= network.last_vm

    def _holds_ours(self, span: Span) -> bool:
        ours = (self.vm.ip_address or "").partition("/")[0]
        return any(span[0] <= low and high <= span[1] for low, high in _spans(ours))

    def _meets_theirs(self, span: Span) -> bool:
        """Whether any address of a span is a VM's, or of the bridge's network."""
        network = self.inventory.site.network
        whole = network.bridge_address.network
        theirs = ((network.first_vm, network.last_vm), (whole.network_address, whole.broadcast_address))
        return any(span[0] <= high and low <= span[1] for low, high in theirs)

    def _is_way(self, name: str, more: str) -> bool:
        """Whether a device is the bridge, or a pattern that the bridge or TAP devices match."""
        bridge = self.inventory.site.network.bridge
        if not more:
            return name == bridge
        return name.startswith(self._prefix) or any(one.startswith(name) for one in (self._prefix, bridge))


def _spans(line: str) -> Iterator[Span]:
    """The addresses, networks and ranges that a line names."""
    for first, length, last in _SPAN.findall(line):
        with contextlib.suppress(ValueError):  # a version, or the like
            network = IPv4Network(f"{first}/{length or 32}", strict=False)
            yield network.network_address, IPv4Address(last or network.broadcast_address)
