"""Signals that end a request: ``AbortSignal.timeout``, a controller's, or made of such."""

from __future__ import annotations

from tree_sitter import Node

from harness.javascript.declarations import child
from harness.javascript.meaning import Expression, Meaning, Name, Resolver
from harness.javascript.races import callbacks
from harness.javascript.syntax import FUNCTIONS, arguments, descendants, named, text_of

_DEEPEST = 5


def is_limited(given: Node, at: Expression, resolver: Resolver) -> bool:
    """A signal that a timer raises, or options that hold one whatever else is spread into them."""
    held: Meaning | None = resolver.resolve(given, at.module, at.env)
    if isinstance(held, Expression) and held.node.type == "object":
        held = resolver.entry(held, "signal", last=True)
    return held is not None and is_raised(held, resolver)


def is_raised(signal: Meaning, resolver: Resolver, depth: int = _DEEPEST) -> bool:
    """A signal that a timer raises."""
    if not isinstance(signal, Expression) or not depth:
        return False
    if signal.node.type == "member_expression":
        return _aborts_later(signal.node)
    if _calls(signal, "AbortSignal.timeout", resolver):
        return True
    met = (resolver.resolve(part, signal.module, signal.env) for part in _parts(signal, resolver))
    return any(is_raised(part, resolver, depth - 1) for part in met)


def _parts(signal: Expression, resolver: Resolver) -> list[Node]:
    """The signals of which any raises this one, or of which one stands in for the other."""
    node = signal.node
    if node.type == "binary_expression" and text_of(node.child_by_field_name("operator")) in {"??", "||"}:
        return [child(node, "left"), child(node, "right")]
    if _calls(signal, "AbortSignal.any", resolver):
        return [part for array in arguments(node)[:1] for part in named(array)]
    return []


def _calls(at: Expression, path: str, resolver: Resolver) -> bool:
    if at.node.type != "call_expression":
        return False
    return resolver.resolve(child(at.node, "function"), at.module, at.env) == Name(path)


def _aborts_later(signal: Node) -> bool:
    """``controller.signal`` in a function with a timer that calls ``controller.abort``."""
    abort = f"{text_of(child(signal, 'object'))}.abort"
    around = signal
    while around.type not in FUNCTIONS and around.parent is not None:
        around = around.parent
    called = (part for callback in callbacks(around) for part in descendants(callback, "member_expression"))
    return text_of(child(signal, "property")) == "signal" and any(text_of(part) == abort for part in called)
