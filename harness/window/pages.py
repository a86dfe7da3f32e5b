"""Pages that nobody can fake: each has a colour and an address of its own, which nobody could have known."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass

from harness.host.hypervisor import Hypervisor
from harness.screen.picture import Colour, hex_colour

_PAGE_REQUEST_S = 15.0
_HTML = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>html {{ background: {colour}; height: 100% }}</style></html>
"""
_STRONG, _WEAK = (190, 250), (16, 80)
"""A colour of ours is far from grey, and from what pages and desktops usually have."""
_ALIKE = 16
"""Colours that differ by no more could be taken for each other in a compressed picture."""


@dataclass(frozen=True)
class Page:
    """One page: all of it has ``colour``."""

    url: str
    colour: Colour
    path: str
    hypervisor: Hypervisor

    def visitors(self) -> list[str]:
        """The addresses that have asked for it, in order."""
        return list(self.hypervisor.custodian.ask("page_visitors", path=self.path, timeout_s=_PAGE_REQUEST_S))


class PageServer:
    """Serves pages on the host, where VMs can ask for them; they are gone with the host's custodian."""

    def __init__(self, hypervisor: Hypervisor) -> None:
        self._hypervisor = hypervisor
        self._lock = threading.Lock()
        self._given: list[Colour] = []
        settings = hypervisor.site.session
        address = settings.page_address or hypervisor.site.network.bridge_address.ip
        wanted = settings.page_port or 0
        port = hypervisor.custodian.ask(
            "serve_pages", address=str(address), port=wanted, timeout_s=_PAGE_REQUEST_S
        )
        self._root = f"http://{address}:{port}"

    def page(self) -> Page:
        """A new page. Safe to call from several threads."""
        colour = self._colour()
        path = f"/{secrets.token_urlsafe(12)}"
        body = _HTML.format(title="acceptance", colour=hex_colour(colour))
        self._hypervisor.custodian.ask("add_page", path=path, body=body, timeout_s=_PAGE_REQUEST_S)
        return Page(f"{self._root}{path}", colour, path, self._hypervisor)

    def _colour(self) -> Colour:
        with self._lock:
            colour = random_colour()
            while any(_difference(colour, other) <= _ALIKE for other in self._given):
                colour = random_colour()
            self._given.append(colour)
        return colour


def random_colour() -> Colour:
    """A colour that is far from grey: two of its parts weak, one strong, or the reverse."""
    odd = secrets.randbelow(3)
    strong_one = bool(secrets.randbelow(2))
    red, green, blue = (_between(_STRONG if (part == odd) == strong_one else _WEAK) for part in range(3))
    return red, green, blue


def _difference(one: Colour, other: Colour) -> int:
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


def _between(bounds: tuple[int, int]) -> int:
    low, high = bounds
    return low + secrets.randbelow(high - low)
