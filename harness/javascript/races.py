"""``Promise.race``: who runs in it, and whether a timer does."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tree_sitter import Node

from harness.javascript.declarations import child
from harness.javascript.meaning import Expression, Function, Meaning, Resolver
from harness.javascript.syntax import arguments, descendants, named, text_of

_DEEPEST = 5


def races(node: Node) -> list[Node]:
    """Every race below."""
    return [call for call in descendants(node, "call_expression") if is_race(call)]


def is_race(call: Node) -> bool:
    """Whether a call is a race."""
    return text_of(child(call, "function")) == "Promise.race"


def running(race: Node, at: Expression | Function, resolver: Resolver) -> list[Meaning]:
    """What runs in a race, where that is written in place."""
    return [
        resolver.resolve(racer, at.module, at.env) for array in arguments(race)[:1] for racer in named(array)
    ]


def is_timed(
    promise: Meaning, timed: Callable[[Node], bool], resolver: Resolver, depth: int = _DEEPEST
) -> bool:
    """A promise that is made with such a timer, in place or by functions of the program."""
    if isinstance(promise, Expression) and promise.node.type == "new_expression":
        return timed(promise.node)
    made = resolver.returned(promise) if depth else []
    return bool(made) and all(is_timed(one, timed, resolver, depth - 1) for one in made)


def callbacks(node: Node) -> Iterator[Node]:
    """What every timer below calls."""
    for call in descendants(node, "call_expression"):
        if text_of(child(call, "function")) == "setTimeout":
            yield from arguments(call)[:1]


def has_timer(node: Node) -> bool:
    """A timer below."""
    return any(True for _ in callbacks(node))


def rejects_later(node: Node) -> bool:
    """A timer below that rejects a promise."""
    reject = _reject_names(node)
    for callback in callbacks(node):
        called = descendants(callback, "call_expression")
        if text_of(callback) in reject or any(text_of(child(call, "function")) in reject for call in called):
            return True
    return False


def _reject_names(node: Node) -> list[str]:
    """What the second parameter of each ``new Promise((resolve, reject) => …)`` here or below is called."""
    names = []
    for made in [node, *descendants(node, "new_expression")]:
        executor = arguments(made)[:1]
        if text_of(made.child_by_field_name("constructor")) == "Promise" and executor:
            given = child(executor[0], "parameters").named_children
            names += [text_of(parameter) for parameter in given[1:2]]
    return names
