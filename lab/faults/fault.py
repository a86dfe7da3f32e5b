"""A fault as a value, and how the modules that define them are found."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import lab.faults
from lab.faults.patient import Patient

LAYERS = ("db", "host", "guest")


@dataclass(frozen=True)
class Fault:
    """``name`` is ``<layer>.<module>``; ``reds`` are check names, with or without their row."""

    name: str
    breaks: str
    reds: frozenset[str]
    layers: tuple[str, ...]
    inject: Callable[[Patient], AbstractContextManager[None]]

    def names(self, check: str) -> bool:
        """Whether this check must go red: it is named, or all rows of it are."""
        return check in self.reds or check.partition("[")[0] in self.reds


def all_faults() -> list[Fault]:
    """Every fault there is, by name."""
    return [
        _load(layer, module.name)
        for layer in LAYERS
        for module in pkgutil.iter_modules([f"{path}/{layer}" for path in lab.faults.__path__])
    ]


def _load(layer: str, name: str) -> Fault:
    module = importlib.import_module(f"lab.faults.{layer}.{name}")
    return Fault(
        name=f"{layer}.{name}",
        breaks=(module.__doc__ or "").strip(),
        reds=frozenset(module.REDS),
        layers=tuple(getattr(module, "LAYERS", (layer,))),
        inject=module.inject,
    )
