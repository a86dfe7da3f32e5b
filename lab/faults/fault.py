"""A fault as a value, and how the modules that define them are found."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import lab.faults
from lab.faults.patient import Patient

LAYERS = ("db", "host", "guest", "session")


@dataclass(frozen=True)
class Fault:
    """``name`` is ``<layer>.<module>``. A check's name stands for all its rows, or is followed by one."""

    name: str
    breaks: str
    reds: frozenset[str]
    broken: frozenset[str]
    others_broken: bool
    layers: tuple[str, ...]
    inject: Callable[[Patient], AbstractContextManager[None]]

    def expected(self, check: str) -> str:
        """The outcome that a check must have."""
        if _named(check, self.reds):
            return "FAIL"
        return "BROKEN" if self.others_broken or _named(check, self.broken) else "PASS"

    def asks(self, node: str) -> bool:
        """Whether a check is among those that are asked; ``node`` is what pytest calls it."""
        ours = [f"tests/{layer}" for layer in self.layers]
        return any(node == one or node.startswith((f"{one}/", f"{one}::", f"{one}[")) for one in ours)

    def unknown(self, checks: Iterable[str]) -> set[str]:
        """What it names and no check has."""
        known = {name for check in checks for name in (check, check.partition("[")[0])}
        return set((self.reds | self.broken) - known)


def _named(check: str, names: Collection[str]) -> bool:
    return check in names or check.partition("[")[0] in names


def all_faults() -> list[Fault]:
    """Every fault there is, by name."""
    return [
        _load(layer, module.name)
        for layer in LAYERS
        for module in pkgutil.iter_modules([f"{path}/{layer}" for path in lab.faults.__path__])
    ]


def _load(layer: str, name: str) -> Fault:
    package = importlib.import_module(f"lab.faults.{layer}")
    module = importlib.import_module(f"{package.__name__}.{name}")
    return Fault(
        name=f"{layer}.{name}",
        breaks=(module.__doc__ or "").strip(),
        reds=frozenset(module.REDS),
        broken=frozenset(getattr(module, "BROKEN", ())),
        others_broken=getattr(module, "OTHERS_BROKEN", False),
        layers=tuple(getattr(module, "LAYERS", getattr(package, "LAYERS", (layer,)))),
        inject=module.inject,
    )
