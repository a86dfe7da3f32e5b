"""What a name or an expression stands for: a function, something of Node's, a local file's exports."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from tree_sitter import Node

from harness.javascript.declarations import (
    assignments,
    child,
    declarations,
    exports,
    lookup,
    only_result,
    pattern_key,
    results,
)
from harness.javascript.syntax import (
    FUNCTIONS,
    Module,
    Program,
    arguments,
    descendants,
    named,
    string_value,
    text_of,
    unwrapped,
)

_GLOBALS = {"globalThis", "global"}


@dataclass(frozen=True)
class Name:
    """Something from outside the program, by its path: ``process.exit``, ``http.createServer``."""

    path: str


@dataclass(frozen=True)
class Namespace:
    """The exports of a local file."""

    module: Module


@dataclass(frozen=True)
class Function:
    """A function of the program, with the arguments that ``bind`` or a factory fixed."""

    node: Node
    module: Module
    env: Env = field(default_factory=dict)
    bound: tuple[Meaning, ...] = ()


@dataclass(frozen=True)
class Expression:
    """Any other expression, with what was known of its variables."""

    node: Node
    module: Module
    env: Env = field(default_factory=dict)


Meaning = Name | Namespace | Function | Expression
Env = Mapping[int, Meaning]
"""Known values of parameters, by the id of the parameter's node."""


class Resolver:
    """Follows names through declarations, destructuring, ``require`` and ``import``."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def resolve(self, node: Node, module: Module, env: Env, depth: int = 0) -> Meaning:
        """What an expression stands for; at worst, itself."""
        node = unwrapped(node)
        here = Expression(node, module, env)
        if depth > 20:
            return here
        if node.type in FUNCTIONS:
            return Function(node, module, env)
        if node.type in {"identifier", "shorthand_property_identifier"}:
            return self._variable(here, text_of(node), depth + 1)
        if node.type in {"member_expression", "subscript_expression"}:
            return self._member(here, depth + 1)
        if node.type == "call_expression":
            return self._call(here, depth + 1)
        if node.type == "await_expression" and named(node):
            return self.resolve(named(node)[0], module, env, depth + 1)
        if node.type == "assignment_expression":
            return self.resolve(child(node, "right"), module, env, depth + 1)
        return here

    def property_name(self, node: Node, module: Module, env: Env) -> str | None:
        """The property a member expression names, ``a.b`` and ``a['b']`` alike."""
        if node.type == "member_expression":
            return text_of(node.child_by_field_name("property"))
        index = node.child_by_field_name("index")
        value = self.literal(index, module, env) if index is not None else None
        return value if isinstance(value, str) else None

    def literal(self, node: Node, module: Module, env: Env) -> str | float | bool | None:
        """The value of a literal, or of a name that can only hold one."""
        meaning = self.resolve(node, module, env)
        if not isinstance(meaning, Expression):
            return None
        return self.literal_of(meaning)

    def literal_of(self, at: Expression) -> str | float | bool | None:
        """The value of an expression that is a literal."""
        node = at.node
        if node.type == "number":
            return _number(text_of(node).replace("_", "").rstrip("n"))
        if node.type in {"true", "false"}:
            return node.type == "true"
        if node.type == "binary_expression" and text_of(node.child_by_field_name("operator")) in {"||", "??"}:
            left, right = child(node, "left"), child(node, "right")
            value = self.literal(left, at.module, at.env)
            return value if value else self.literal(right, at.module, at.env)
        return string_value(node)

    def _variable(self, at: Expression, name: str, depth: int) -> Meaning:
        found = lookup(at.node, name)
        if found is None:
            return Name(name)
        kind, binding = found
        if binding.id in at.env:
            return at.env[binding.id]
        if kind == "function":
            return Function(binding, at.module, at.env)
        if kind == "import":
            return self._imported(binding, name, at.module)
        if kind == "variable":
            return self._declared(at, binding, name, depth)
        return at

    def _declared(self, at: Expression, declarator: Node, name: str, depth: int) -> Meaning:
        target = child(declarator, "name")
        value = declarator.child_by_field_name("value")
        written = assignments(at.module.root, name)
        if value is None and len(written) == 1:
            value = written[0].child_by_field_name("right")
        elif written:
            return at
        if value is None:
            return at
        whole = self.resolve(value, at.module, at.env, depth)
        if target.type == "object_pattern":
            key = pattern_key(target, name)
            return self._property(whole, key, depth) or at if key else at
        return whole if target.type == "identifier" else at

    def _imported(self, statement: Node, name: str, module: Module) -> Meaning:
        source = string_value(child(statement, "source")) or ""
        local = self.program.local(module, source)
        whole: Meaning = Namespace(local) if local else Name(source.removeprefix("node:"))
        for specifier in descendants(statement, "import_specifier"):
            alias = specifier.child_by_field_name("alias") or specifier.child_by_field_name("name")
            if text_of(alias) == name:
                key = text_of(specifier.child_by_field_name("name"))
                return self._property(whole, key, 1) or whole
        if local and not any(descendants(statement, "namespace_import")):
            return self._property(whole, "default", 1) or whole
        return whole

    def _member(self, at: Expression, depth: int) -> Meaning:
        key = self.property_name(at.node, at.module, at.env)
        owner = self.resolve(child(at.node, "object"), at.module, at.env, depth)
        return (self._property(owner, key, depth) if key else None) or at

    def _property(self, owner: Meaning, key: str, depth: int) -> Meaning | None:
        if isinstance(owner, Name):
            return Name(key if owner.path in _GLOBALS else f"{owner.path}.{key}")
        if isinstance(owner, Namespace):
            return self._export(owner.module, key, depth)
        if isinstance(owner, Expression) and owner.node.type == "object":
            return self.entry(owner, key, depth)
        return None

    def called(self, call: Meaning) -> Function | None:
        """The function of the program that a call calls."""
        if not isinstance(call, Expression) or call.node.type != "call_expression":
            return None
        meaning = self.resolve(child(call.node, "function"), call.module, call.env)
        return meaning if isinstance(meaning, Function) else None

    def returned(self, call: Meaning) -> list[Meaning]:
        """All that a call of a function of the program may return; nothing where it may return without."""
        function = self.called(call)
        if function is None or not isinstance(call, Expression):
            return []
        given = [self.resolve(one, call.module, call.env) for one in arguments(call.node)]
        env = {**function.env, **parameters(function.node, [*function.bound, *given])}
        return [self.resolve(one, function.module, env) for one in results(function.node)]

    def entry(self, owner: Expression, key: str, depth: int = 0, *, last: bool = False) -> Meaning | None:
        """What an object literal holds under a key.

        :param last: nothing where a ``...spread`` behind it may hold another.
        """
        for entry in reversed(named(owner.node) if owner.node.type == "object" else []):
            if last and entry.type == "spread_element":
                return None
            if entry.type == "method_definition" and text_of(entry.child_by_field_name("name")) == key:
                return Function(entry, owner.module, owner.env)
            if entry.type == "shorthand_property_identifier" and text_of(entry) == key:
                return self.resolve(entry, owner.module, owner.env, depth)
            if entry.type == "pair" and text_of(entry.child_by_field_name("key")).strip("'\"") == key:
                return self.resolve(child(entry, "value"), owner.module, owner.env, depth)
        return None

    def _export(self, module: Module, key: str, depth: int) -> Meaning | None:
        for statement in named(module.root):
            if statement.type == "export_statement":
                declared = statement.child_by_field_name("declaration")
                value = statement.child_by_field_name("value")
                if key == "default" and (value or declared) and "default" in text_of(statement)[:20]:
                    return self.resolve(value or declared, module, {}, depth)  # type: ignore[arg-type]
        for target, value in exports(module.root):
            if target in {f"exports.{key}", f"module.exports.{key}"}:
                return self.resolve(value, module, {}, depth)
            if target == "module.exports":
                whole = self.resolve(value, module, {}, depth)
                return whole if key == "default" else self._property(whole, key, depth)
        found = declarations(module.root).get(key)
        if found is not None and found[0] == "function":
            return Function(found[1], module)
        return self._declared(Expression(module.root, module), found[1], key, depth) if found else None

    def _call(self, at: Expression, depth: int) -> Meaning:
        callee = child(at.node, "function")
        given = arguments(at.node)
        if text_of(callee) == "require" and given and (name := string_value(given[0])):
            local = self.program.local(at.module, name)
            if local is None:
                return Name(name.removeprefix("node:"))
            return self._export(local, "default", depth) or Namespace(local)
        if callee.type == "member_expression" and text_of(callee.child_by_field_name("property")) == "bind":
            target = self.resolve(child(callee, "object"), at.module, at.env, depth)
            if isinstance(target, Function):
                bound = tuple(self.resolve(node, at.module, at.env, depth) for node in given[1:])
                return Function(target.node, target.module, target.env, bound)
        return self._made(at, given, depth) or at

    def _made(self, at: Expression, given: list[Node], depth: int) -> Meaning | None:
        maker = self.resolve(child(at.node, "function"), at.module, at.env, depth)
        if not isinstance(maker, Function):
            return None
        values = [self.resolve(node, at.module, at.env, depth) for node in given]
        env = {**maker.env, **parameters(maker.node, [*maker.bound, *values])}
        made = only_result(maker.node)
        if made is None:
            return None
        result = self.resolve(made, maker.module, env, depth)
        return result if isinstance(result, Function) else None


def parameters(function: Node, values: list[Meaning]) -> dict[int, Meaning]:
    """Bind plain parameters to the values given for them."""
    single = function.child_by_field_name("parameter")
    nodes = [single] if single is not None else named(function.child_by_field_name("parameters"))
    return {node.id: value for node, value in zip(nodes, values, strict=False) if node.type == "identifier"}


def _number(text: str) -> float | None:
    """A number as JavaScript has it; None for what is none, or has no bounds."""
    value = math.nan
    with contextlib.suppress(ValueError):
        value = float(text)
    with contextlib.suppress(ValueError, OverflowError):
        value = float(int(text, 0))
    return value if math.isfinite(value) else None
