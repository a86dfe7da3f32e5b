"""Where a name is declared: scopes, patterns, imports and exports of one file."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from tree_sitter import Node

from harness.javascript.syntax import FUNCTIONS, descendants, named, text_of, unwrapped

_SCOPES = FUNCTIONS | {"program", "statement_block", "for_statement", "for_in_statement", "catch_clause"}


def lookup(node: Node, name: str) -> tuple[str, Node] | None:
    """The declaration that ``name`` at ``node`` refers to: its kind and node; none for a global."""
    scope: Node | None = node
    while scope is not None:
        if scope.type in _SCOPES and name in (found := declarations(scope)):
            return found[name]
        scope = scope.parent
    return None


def declarations(scope: Node) -> dict[str, tuple[str, Node]]:
    """What a scope declares itself: name -> kind and node."""
    found: dict[str, tuple[str, Node]] = {}
    for pattern in _parameter_nodes(scope):
        for name in _names(pattern):
            found[text_of(name)] = ("parameter", name)
    for entry in named(scope):
        statement = entry.child_by_field_name("declaration") if entry.type == "export_statement" else entry
        for declared, kind, node in _declared_by(statement) if statement is not None else ():
            found[declared] = (kind, node)
    return found


def _declared_by(statement: Node) -> Iterator[tuple[str, str, Node]]:
    if statement.type in FUNCTIONS - {"arrow_function", "method_definition"}:
        yield text_of(statement.child_by_field_name("name")), "function", statement
    elif statement.type in {"lexical_declaration", "variable_declaration"}:
        for declarator in named(statement):
            for name in _names(declarator.child_by_field_name("name")):
                yield text_of(name), "variable", declarator
    elif statement.type == "class_declaration":
        yield text_of(statement.child_by_field_name("name")), "class", statement
    elif statement.type == "import_statement":
        for clause in (part for part in named(statement) if part.type == "import_clause"):
            for name in descendants(clause, "identifier"):
                yield text_of(name), "import", statement


def _parameter_nodes(scope: Node) -> list[Node]:
    if scope.type in FUNCTIONS:
        single = scope.child_by_field_name("parameter")
        return [single] if single is not None else named(scope.child_by_field_name("parameters"))
    field_name = {"catch_clause": "parameter", "for_in_statement": "left"}.get(scope.type)
    node = scope.child_by_field_name(field_name) if field_name else None
    return [node] if node is not None else []


def _names(pattern: Node | None) -> Iterator[Node]:
    if pattern is None:
        return
    if pattern.type in {"identifier", "shorthand_property_identifier_pattern"}:
        yield pattern
    elif pattern.type == "pair_pattern":
        yield from _names(pattern.child_by_field_name("value"))
    elif pattern.type in {"assignment_pattern", "object_assignment_pattern"}:
        yield from _names(pattern.child_by_field_name("left"))
    else:
        for part in named(pattern):
            yield from _names(part)


def pattern_key(pattern: Node, name: str) -> str | None:
    """The property that a destructuring pattern binds to ``name``."""
    for part in named(pattern):
        if part.type == "shorthand_property_identifier_pattern" and text_of(part) == name:
            return name
        if part.type == "pair_pattern" and text_of(part.child_by_field_name("value")) == name:
            return text_of(part.child_by_field_name("key"))
    return None


def assignments(root: Node, name: str) -> list[Node]:
    """Every plain assignment to ``name``."""
    written = descendants(root, "assignment_expression")
    return [node for node in written if text_of(node.child_by_field_name("left")) == name]


def exports(root: Node) -> Iterator[tuple[str, Node]]:
    """Every top-level assignment, as target text and value: exports among them."""
    for statement in named(root):
        for node in named(statement) if statement.type == "expression_statement" else ():
            right = node.child_by_field_name("right")
            if node.type == "assignment_expression" and right is not None:
                yield text_of(node.child_by_field_name("left")), right


def only_result(function: Node) -> Node | None:
    """The expression a function returns, when it ends in returning one."""
    body = child(function, "body")
    if body.type != "statement_block":
        return body
    last = named(body)[-1:] or [body]
    return named(last[0])[0] if last[0].type == "return_statement" and named(last[0]) else None


def results(function: Node) -> list[Node]:
    """Every expression that a function may return; none where it may return without one."""
    body = child(function, "body")
    if body.type != "statement_block":
        return [body]
    returns = [node for node in _own(body) if node.type == "return_statement"]
    found = [value for node in returns for value in named(node)[:1]]
    return found if len(found) == len(returns) else []


def _own(node: Node) -> Iterator[Node]:
    """What is below, and in no function below."""
    for part in node.named_children:
        yield part
        if part.type not in FUNCTIONS:
            yield from _own(part)


def child(node: Node, field_name: str) -> Node:
    """A field that the grammar promises; in a broken tree, the node itself."""
    return node.child_by_field_name(field_name) or node


def unchained(node: Node, methods: Collection[str]) -> Node:
    """``x`` of ``x.on(…).once(…)``, where these methods return what they are called on."""
    node = unwrapped(node)
    while node.type == "call_expression":
        callee = unwrapped(child(node, "function"))
        if callee.type != "member_expression":
            break
        if text_of(callee.child_by_field_name("property")) not in methods:
            break
        node = unwrapped(child(callee, "object"))
    return node


def within(node: Node, outer: Node) -> bool:
    """Whether a node is another one, or a part of it."""
    return outer.start_byte <= node.start_byte and node.end_byte <= outer.end_byte
