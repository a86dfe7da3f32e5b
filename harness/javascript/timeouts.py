"""Whether the program gives up on a database that never answers (runbook step 3, fix 3)."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from harness.javascript.clients import awaited_calls
from harness.javascript.declarations import child, within
from harness.javascript.limits import Limits
from harness.javascript.syntax import FUNCTIONS, Module, Program, descendants, text_of, unwrapped

_ENDS = {"return_statement", "throw_statement", "break_statement", "continue_statement"}


def database_timeouts(program: Program) -> list[str]:
    """Problems with the timeout around database calls; none where one exists, is used, and misses none."""
    limits = Limits(program)
    if not any(_has_limit(module, limits) for module in program.modules.values()):
        return [
            "no call is raced against a timer that rejects: neither withTimeout(…) nor an equivalent is used"
        ]
    return [
        f"{module.place(call)}: a database call without a timeout: {text_of(call)[:80]}"
        for module in program.modules.values()
        for call in awaited_calls(module.root)
        if limits.is_database(call, module)
        and not limits.gives_up(call, module)
        and not any(limits.covers(outer, module) for outer in _around(call))
        and _lives(call, module)
    ]


def _has_limit(module: Module, limits: Limits) -> bool:
    """A call, in code that can run, that gives up by itself."""
    calls = descendants(module.root, "call_expression")
    return any(limits.gives_up(call, module) and _lives(call, module) for call in calls)


def _around(call: Node) -> Iterator[Node]:
    """The calls that were given the function in which a call is awaited, or what that function promises."""
    node, is_later = call, False
    while node.parent is not None:
        node = node.parent
        is_later = is_later or node.type in FUNCTIONS
        if is_later and node.type == "call_expression":
            yield node


def _lives(node: Node, module: Module) -> bool:
    """Whether syntax allows this code to run: reachable, and in a function that something refers to."""
    current = node
    while current.parent is not None:
        parent = current.parent
        if parent.type in {"statement_block", "program"} and _ended_before(parent, current):
            return False
        if parent.type == "if_statement" and _never(parent, current):
            return False
        if current.type in FUNCTIONS and not _is_referred_to(current, module):
            return False
        current = parent
    return True


def _ended_before(block: Node, statement: Node) -> bool:
    if statement.type == "function_declaration":
        return False
    earlier = [part for part in block.named_children if part.end_byte <= statement.start_byte]
    return any(part.type in _ENDS or text_of(part).startswith("process.exit(") for part in earlier)


def _never(branch: Node, taken: Node) -> bool:
    condition = text_of(unwrapped(child(branch, "condition")))
    alternative = branch.child_by_field_name("alternative")
    is_alternative = alternative is not None and alternative.id == taken.id
    return condition in ({"true", "1", "!0"} if is_alternative else {"false", "0", "!1", "null"})


def _is_referred_to(function: Node, module: Module) -> bool:
    name = function.child_by_field_name("name")
    if name is None and function.parent is not None and function.parent.type == "variable_declarator":
        name = function.parent.child_by_field_name("name")
    if name is None or function.type == "method_definition":
        return True
    kinds = ("identifier", "shorthand_property_identifier")
    found = (node for node in descendants(module.root, *kinds) if text_of(node) == text_of(name))
    exported = function.parent is not None and function.parent.type == "export_statement"
    return exported or any(node.id != name.id and not within(node, function) for node in found)
