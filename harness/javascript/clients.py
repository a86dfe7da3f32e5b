"""Database clients: what is called on them, where they are made, and the ``fetch`` that they are given."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from harness.javascript.declarations import child
from harness.javascript.meaning import Expression, Function, Meaning, Resolver
from harness.javascript.syntax import arguments, descendants, text_of, unwrapped

_MAKERS = {"createClient", "createServerClient"}


def awaited_calls(root: Node) -> Iterator[Node]:
    """Every call that is awaited right where it is made."""
    for awaited in descendants(root, "await_expression"):
        yield from (operand for operand in awaited.named_children[:1] if operand.type == "call_expression")


def chain(call: Node) -> Iterator[Node]:
    """``a.b(…).c(…)``, ``a.b(…)`` and ``a`` of ``a.b(…).c(…)``."""
    node = unwrapped(call)
    while node.type in {"call_expression", "member_expression"}:
        if node.type == "call_expression":
            yield node
        node = unwrapped(child(node, "function" if node.type == "call_expression" else "object"))
    yield node


def client(at: Expression, resolver: Resolver) -> Expression | None:
    """The call that made the database client on which a chain of calls is made."""
    *_, root = chain(at.node)
    made = resolver.resolve(root, at.module, at.env)
    if not isinstance(made, Expression) or made.node.type != "call_expression" or root.type != "identifier":
        return None
    return made if text_of(child(made.node, "function")).split(".")[-1] in _MAKERS else None


def fetch_of(made: Expression, resolver: Resolver) -> Function | None:
    """The function of the program by which a client asks: ``{ global: { fetch } }`` in its options."""
    for given in arguments(made.node):
        at: Meaning | None = resolver.resolve(given, made.module, made.env)
        for key in ("global", "fetch"):
            at = resolver.entry(at, key, last=True) if isinstance(at, Expression) else None
        if isinstance(at, Function):
            return at
    return None
