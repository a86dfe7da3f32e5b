"""Whether the program gives up on a database that never answers (runbook step 3, fix 3)."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from harness.javascript.declarations import child, lookup
from harness.javascript.execution import is_bounded
from harness.javascript.meaning import Expression, Function, Resolver
from harness.javascript.syntax import (
    FUNCTIONS,
    Module,
    Program,
    arguments,
    descendants,
    named,
    text_of,
    unwrapped,
)

_CLIENT_MAKERS = {"createClient", "createServerClient"}
_ENDS = {"return_statement", "throw_statement", "break_statement", "continue_statement"}


def database_timeouts(program: Program) -> list[str]:
    """Problems with the timeout around database calls; none where one exists, is used, and misses none."""
    uses = list(_uses(program))
    if not uses:
        return [
            "no call is raced against a timer that rejects: neither withTimeout(…) nor an equivalent is used"
        ]
    return [
        f"{module.place(call)}: a database call without a timeout: {text_of(call)[:80]}"
        for module in program.modules.values()
        for call in _client_calls(module)
        if not _inside(call, [use for owner, use in uses if owner is module]) and _lives(call, module)
    ]


def _uses(program: Program) -> Iterator[tuple[Module, Node]]:
    """Every call, in code that can run, of a function that sets a limit; or such a limit in place."""
    resolver = Resolver(program)
    for module in program.modules.values():
        for call in descendants(module.root, "call_expression"):
            if (_calls_wrapper(call, module, resolver) or _limits_itself(call, module, resolver)) and _lives(
                call, module
            ):
                yield module, call


def _calls_wrapper(call: Node, module: Module, resolver: Resolver) -> bool:
    meaning = resolver.resolve(child(call, "function"), module, {})
    if not isinstance(meaning, Function) or not arguments(call):
        return False
    return _is_wrapper(meaning.node) and not _within(call, meaning.node)


def _limits_itself(call: Node, module: Module, resolver: Resolver) -> bool:
    """A race against a timer of its own, or a request with a signal that a timer raises."""
    if _is_race(call):
        racers = [racer for array in arguments(call)[:1] for racer in named(array)]
        made = [resolver.resolve(racer, module, {}) for racer in racers]
        work = any(isinstance(m, Expression) and m.node.type == "call_expression" for m in made)
        return work and _rejects_later(call)
    callee = child(call, "function")
    if text_of(callee) != "fetch" and text_of(callee.child_by_field_name("property")) != "abortSignal":
        return False
    inner = descendants(child(call, "arguments"), "call_expression")
    return any(text_of(child(part, "function")) == "AbortSignal.timeout" for part in inner)


def _is_wrapper(function: Node) -> bool:
    """A function that races its first parameter against a timer that rejects."""
    single = function.child_by_field_name("parameter")
    first = single or next(iter(child(function, "parameters").named_children), None)
    if first is None or not is_bounded(function):
        return False
    name = text_of(first.child_by_field_name("left") or first)
    races = [call for call in descendants(function, "call_expression") if _is_race(call)]
    return _rejects_later(function) and any(_mentions(race, name) for race in races)


def _is_race(call: Node) -> bool:
    return text_of(child(call, "function")) == "Promise.race"


def _mentions(node: Node, name: str) -> bool:
    return any(text_of(found) == name for found in descendants(node, "identifier"))


def _rejects_later(node: Node) -> bool:
    """A timer below whose callback rejects."""
    reject = _reject_names(node)
    for call in descendants(node, "call_expression"):
        if text_of(child(call, "function")) == "setTimeout" and arguments(call):
            callback = arguments(call)[0]
            called = descendants(callback, "call_expression")
            if text_of(callback) in reject or any(text_of(child(c, "function")) in reject for c in called):
                return True
    return False


def _reject_names(node: Node) -> list[str]:
    """What the second parameter of each ``new Promise((resolve, reject) => …)`` below is called."""
    names = []
    for made in descendants(node, "new_expression"):
        executor = arguments(made)[:1]
        if text_of(made.child_by_field_name("constructor")) == "Promise" and executor:
            given = child(executor[0], "parameters").named_children
            names += [text_of(parameter) for parameter in given[1:2]]
    return names


def _client_calls(module: Module) -> Iterator[Node]:
    """Awaited chains that begin at a database client made in this file: ``await supabase.from(…)…``."""
    for awaited in descendants(module.root, "await_expression"):
        for operand in awaited.named_children[:1]:
            root = _chain_root(operand)
            if operand.type == "call_expression" and root is not None and _is_client(root):
                yield operand


def _chain_root(node: Node) -> Node | None:
    node = unwrapped(node)
    while node.type in {"call_expression", "member_expression"}:
        node = unwrapped(child(node, "function" if node.type == "call_expression" else "object"))
    return node if node.type == "identifier" else None


def _is_client(name: Node) -> bool:
    found = lookup(name, text_of(name))
    value = found[1].child_by_field_name("value") if found and found[0] == "variable" else None
    if value is None or value.type != "call_expression":
        return False
    return text_of(child(value, "function")).split(".")[-1] in _CLIENT_MAKERS


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
    return exported or any(node.id != name.id and not _within(node, function) for node in found)


def _within(node: Node, outer: Node) -> bool:
    return outer.start_byte <= node.start_byte and node.end_byte <= outer.end_byte


def _inside(node: Node, outers: list[Node]) -> bool:
    return any(_within(node, outer) for outer in outers)
