"""A fault as a value, what makes one of a function, and where all of them are found."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

from harness.check_names import names_of
from lab.faults.patient import Patient

LAYERS = {
    "db": ("db", "host/test_inventory.py"),
    # All but what reads the whole golden snapshot, which takes seconds.
    "host": (
        "host/test_clocks.py",
        "host/test_controller.py",
        "host/test_inventory.py",
        "host/test_network.py",
        "host/test_reach.py",
        "host/test_room.py",
        "host/test_snapshot.py::test_snapshot_present",
        "host/test_vmm.py",
    ),
    "guest": ("guest",),
    "session": ("session/test_launch.py", "session/test_live.py", "session/test_end.py"),
}
"""The layers, and which checks a fault of each asks unless it says otherwise."""

Inject = Callable[[Patient], AbstractContextManager[None]]
"""Breaks the lab, and heals it at the end of the block."""


@dataclass(frozen=True)
class Fault:
    """``name`` is ``<layer>.<function>``. A check's name stands for all its rows, or is followed by one; that
    of a check of several guests by one of these, too, or by a row of all of them.

    :param asks: which checks are asked to show that nothing else goes red: layers, files or single ones, all
        that could notice.
    :param reds: the checks that must FAIL, and no others.
    :param broken: the checks that can then no longer be asked.
    :param unproven: those of which it can then not be told any more.
    :param others_broken: that all but ``reds`` are so.
    :param cause: the one that the suite finds, by its name in ``harness.causes.table``.
    """

    name: str
    breaks: str
    inject: Inject
    asks: tuple[str, ...]
    reds: frozenset[str]
    broken: frozenset[str] = frozenset()
    unproven: frozenset[str] = frozenset()
    others_broken: bool = False
    cause: str = ""

    def expected(self, check: str) -> str:
        """The outcome that a check must have."""
        if _named(check, self.reds):
            return "FAIL"
        if _named(check, self.unproven):
            return "NOT PROVEN"
        return "BROKEN" if self.others_broken or _named(check, self.broken) else "PASS"

    def is_asked(self, node: str) -> bool:
        """Whether a check is among those that are asked; ``node`` is what pytest calls it."""
        ours = [f"tests/{one}" for one in self.asks]
        return any(node == one or node.startswith((f"{one}/", f"{one}::", f"{one}[")) for one in ours)

    def unknown(self, checks: Iterable[str]) -> set[str]:
        """What it names and no check has."""
        known = {name for check in checks for name in names_of(check)}
        return set((self.reds | self.broken | self.unproven) - known)


def _named(check: str, names: Collection[str]) -> bool:
    return any(name in names for name in names_of(check))


def fault(
    *,
    reds: Collection[str] = (),
    broken: Collection[str] = (),
    unproven: Collection[str] = (),
    others_broken: bool = False,
    asks: tuple[str, ...] = (),
    cause: str = "",
) -> Callable[[Inject], Fault]:
    """Make a fault of a function in a module of ``lab.faults.<layer>``; its docstring says what breaks.

    The function returns a context manager, by itself or by ``@contextmanager`` below this decorator.
    """

    def made(inject: Inject) -> Fault:
        layer = inject.__module__.split(".")[-2]
        return Fault(
            name=f"{layer}.{inject.__name__}",
            breaks=inspect.getdoc(inject) or "",
            inject=inject,
            asks=asks or LAYERS[layer],
            reds=frozenset(reds),
            broken=frozenset(broken),
            unproven=frozenset(unproven),
            others_broken=others_broken,
            cause=cause,
        )

    return made


def all_faults() -> list[Fault]:
    """Every fault there is: layer by layer, by name."""
    found = [one for layer in LAYERS for one in sorted(_faults_of(layer), key=lambda one: one.name)]
    names = [one.name for one in found]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"more than one fault is called so: {', '.join(sorted(twice))}")
    return found


def _faults_of(layer: str) -> Iterator[Fault]:
    """The faults in the layer's modules: by themselves, or in a tuple, which is a table of them."""
    folder = importlib.import_module(f"lab.faults.{layer}")
    for module in pkgutil.iter_modules(folder.__path__):
        for value in vars(importlib.import_module(f"{folder.__name__}.{module.name}")).values():
            rows = value if isinstance(value, tuple) else (value,)
            yield from (one for one in rows if isinstance(one, Fault))
