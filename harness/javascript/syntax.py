"""JavaScript text as a syntax tree: modules, places in them, and literal values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath

import tree_sitter_javascript
from tree_sitter import Language, Node, Parser

FUNCTIONS = frozenset(
    {
        "function_declaration",
        "function_expression",
        "arrow_function",
        "method_definition",
        "generator_function",
        "generator_function_declaration",
    }
)
DEEPEST = 250
"""Nodes of a tree within one another; whoever walks it recurses as deep."""
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "\n": ""}


@cache
def _parser() -> Parser:
    return Parser(Language(tree_sitter_javascript.language()))


@dataclass(frozen=True)
class Module:
    """One file; ``faults`` says where it is not JavaScript."""

    path: str
    root: Node
    faults: tuple[str, ...]

    def place(self, node: Node) -> str:
        """``server.js:12``, for a message."""
        return f"{PurePosixPath(self.path).name}:{node.start_point.row + 1}"


@dataclass(frozen=True)
class Program:
    """The entry file and the local files it loads."""

    entry: Module
    modules: Mapping[str, Module]

    @property
    def faults(self) -> tuple[str, ...]:
        """Every place, in any file, that cannot be parsed."""
        return tuple(fault for module in self.modules.values() for fault in module.faults)

    def local(self, importer: Module, specifier: str) -> Module | None:
        """The module that ``require(specifier)`` in ``importer`` loads, where it is a local file we have."""
        for path in local_candidates(importer.path, specifier):
            if path in self.modules:
                return self.modules[path]
        return None


def load_program(entry: str, files: Mapping[str, str]) -> Program:
    """Parse every file; ``entry`` is the path of the one that Node starts."""
    modules = {path: parse(path, text) for path, text in files.items() if not path.endswith(".json")}
    return Program(modules[entry], modules)


def parse(path: str, text: str) -> Module:
    """Parse one file. A fault is a place in :attr:`Module.faults`, never an exception.

    A file that is nested deeper than anybody writes is one, and nothing of it is read.
    """
    root = _parser().parse(text.encode(errors="replace")).root_node
    if (deep := _too_deep(root)) is not None:
        where = f"{PurePosixPath(path).name}:{deep.start_point.row + 1}"
        return Module(path, _parser().parse(b"").root_node, (f"{where}: nested more than {DEEPEST} deep",))
    faults = tuple(_fault(path, node) for node in _broken(root)) if root.has_error else ()
    return Module(path, root, faults)


def _too_deep(root: Node) -> Node | None:
    """The first node below :data:`DEEPEST` others."""
    cursor, depth = root.walk(), 0
    while True:
        if cursor.goto_first_child():
            depth += 1
            if depth > DEEPEST:
                return cursor.node
        else:
            while not cursor.goto_next_sibling():
                if not cursor.goto_parent():
                    return None
                depth -= 1


def _broken(node: Node) -> Iterator[Node]:
    if node.is_error or node.is_missing:
        yield node
    elif node.has_error:
        for child in node.children:
            yield from _broken(child)


def _fault(path: str, node: Node) -> str:
    at = f"{path}:{node.start_point.row + 1}:{node.start_point.column + 1}"
    if node.is_missing:
        return f"{at}: missing {node.type!r}"
    return f"{at}: cannot be parsed: {text_of(node)[:60]!r}"


def local_candidates(importer: str, specifier: str) -> tuple[str, ...]:
    """The files Node would try for a relative specifier; none for a package."""
    if not specifier.startswith(("./", "../")):
        return ()
    parts: list[str] = []
    for part in (PurePosixPath(importer).parent / specifier).parts:
        if part == ".." and parts:
            parts.pop()
        elif part != ".":
            parts.append(part)
    path = str(PurePosixPath(*parts))
    return (path, *(path + suffix for suffix in (".js", ".cjs", ".mjs", "/index.js")))


def text_of(node: Node | None) -> str:
    """The source text of a node."""
    return node.text.decode(errors="replace") if node is not None and node.text is not None else ""


def named(node: Node | None) -> list[Node]:
    """Named children without comments."""
    return [child for child in node.named_children if child.type != "comment"] if node is not None else []


def arguments(call: Node) -> list[Node]:
    """The argument expressions of a call or ``new``."""
    return named(call.child_by_field_name("arguments"))


def unwrapped(node: Node) -> Node:
    """The expression inside parentheses."""
    while node.type == "parenthesized_expression" and named(node):
        node = named(node)[0]
    return node


def descendants(node: Node, *kinds: str) -> Iterator[Node]:
    """Every node below of one of these kinds, in source order."""
    for child in node.named_children:
        if child.type in kinds:
            yield child
        yield from descendants(child, *kinds)


def string_value(node: Node) -> str | None:
    """The value of a string, or of a template without substitutions."""
    if node.type not in {"string", "template_string"}:
        return None
    if any(child.type == "template_substitution" for child in node.named_children):
        return None
    return "".join(_piece(child) for child in node.named_children)


def _piece(node: Node) -> str:
    text = text_of(node)
    if node.type != "escape_sequence":
        return text
    body = text[1:]
    if body[:1] in {"x", "u"}:
        try:
            return chr(int(body[1:].strip("{}"), 16))
        except (ValueError, OverflowError):  # no character has that number
            return "\ufffd"
    return _ESCAPES.get(body, body)


def is_async(function: Node) -> bool:
    """Whether a function is declared ``async``."""
    return any(child.type == "async" for child in function.children)


def is_generator(function: Node) -> bool:
    """Whether calling the function runs nothing of its body."""
    return "generator" in function.type or any(child.type == "*" for child in function.children)
