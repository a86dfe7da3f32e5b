"""Follows a program as Node would start it, as far as its syntax tells.

One walk answers two questions: which calls are made at start-up, in what order, and are they certain; and can
a function end in any other way than by ``process.exit(<not 0>)``. Unknown calls are taken to return.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tree_sitter import Node

from harness.javascript.declarations import child
from harness.javascript.meaning import Expression, Function, Meaning, Name, parameters
from harness.javascript.races import has_timer, is_timed, races, running
from harness.javascript.syntax import (
    FUNCTIONS,
    Module,
    Program,
    arguments,
    is_async,
    is_generator,
    named,
    string_value,
    text_of,
    unwrapped,
)
from harness.javascript.walk import FALLS, End, Ends, Frame, Walk

_EXITS = frozenset({End.EXITS, End.EXITS_CLEAN})
_TIMERS = {"setTimeout", "setImmediate", "queueMicrotask", "process.nextTick"}
_LONGEST_DELAY_MS = 10_000


@dataclass(frozen=True)
class Call:
    """A method call met on the way."""

    node: Node
    frame: Frame
    method: str
    receiver: Node

    @property
    def place(self) -> str:
        """``file:line``."""
        return self.frame.module.place(self.node)


class Execution(Walk):
    """One walk; ``calls`` is filled in the order of execution."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self.calls: list[Call] = []
        self._later: list[tuple[Function, Frame]] = []
        self._running: list[int] = []
        self._loaded: set[str] = set()
        self._exit_code_set = False
        self._due: Ends = frozenset()

    def start(self) -> list[Call]:
        """Run the entry file, then every callback that it left behind."""
        self._module(self.program.entry)
        while self._later:
            function, frame = self._later.pop(0)
            self._function(function, [], self._maybe(frame))
        return self.calls

    def ends_of(self, handlers: Iterable[Function]) -> Ends:
        """How a process can end up after these handlers of one event have run, one after the other."""
        ends = FALLS
        for handler in handlers:
            if End.FALLS in ends:
                frame = Frame(handler.module, handler.env)
                ends = (ends - FALLS) | self._function(handler, [], frame)
        if self._due:
            return (ends & _EXITS) | self._due
        return ends

    def _module(self, module: Module) -> Ends:
        if module.path in self._loaded:
            return FALLS
        self._loaded.add(module.path)
        statements = named(module.root)
        imports = [node for node in statements if node.type == "import_statement"]
        rest = [node for node in statements if node.type != "import_statement"]
        return self._sequence([*imports, *rest], Frame(module, {}))

    def _function(self, function: Function, given: Sequence[Meaning], frame: Frame) -> Ends:
        """The ends of a call, seen from inside the function."""
        if function.node.id in self._running or len(self._running) > 20 or is_generator(function.node):
            return FALLS
        env = {**function.env, **parameters(function.node, [*function.bound, *given])}
        inner = replace(frame, module=function.module, env=env)
        self._running.append(function.node.id)
        try:
            body = function.node.child_by_field_name("body")
            ends = self._node(body, inner) if body is not None else FALLS
        finally:
            self._running.pop()
        return ends - {End.RETURNS} | FALLS if End.RETURNS in ends else ends

    def _on_import_statement(self, node: Node, frame: Frame) -> Ends:
        return self._load(string_value(child(node, "source")), frame)

    def _load(self, specifier: str | None, frame: Frame) -> Ends:
        local = self.program.local(frame.module, specifier or "")
        return self._module(local) - {End.RETURNS} if local and frame.certain else FALLS

    # Expressions

    def _on_assignment_expression(self, node: Node, frame: Frame) -> Ends:
        if text_of(child(node, "left")) == "process.exitCode" and frame.certain:
            self._exit_code_set = bool(self.resolver.literal(child(node, "right"), frame.module, frame.env))
        return self._sequence(named(node), frame)

    def _on_await_expression(self, node: Node, frame: Frame) -> Ends:
        inner = unwrapped(named(node)[0]) if named(node) else node
        if inner.type == "call_expression":
            callee = self.resolver.resolve(child(inner, "function"), frame.module, frame.env)
            if isinstance(callee, Function):
                ends = self._call(inner, frame, awaited=True)
                if self._is_bounded(callee):
                    return ends - {End.HANGS} | FALLS | {End.THROWS}
                return ends if is_async(callee.node) else ends | {End.HANGS}
        return self._node(inner, frame) | {End.HANGS}

    def _is_bounded(self, function: Function) -> bool:
        """Whether a function races what it waits for against a timer, its own or a helper's."""
        found = races(function.node)
        racers = (racer for race in found for racer in running(race, function, self.resolver))
        return bool(found) and (
            has_timer(function.node) or any(is_timed(racer, has_timer, self.resolver) for racer in racers)
        )

    def _on_new_expression(self, node: Node, frame: Frame) -> Ends:
        ends = self._given(arguments(node), frame)
        if text_of(node.child_by_field_name("constructor")) != "Promise":
            return ends
        executor = self._functions(arguments(node), frame)[:1]
        return self._inline(executor, ends, frame)

    def _on_call_expression(self, node: Node, frame: Frame) -> Ends:
        return self._call(node, frame, awaited=False)

    def _call(self, node: Node, frame: Frame, *, awaited: bool) -> Ends:
        callee = unwrapped(child(node, "function"))
        given = arguments(node)
        method = None
        ends = FALLS
        if callee.type in {"member_expression", "subscript_expression"}:
            method = self.resolver.property_name(callee, frame.module, frame.env)
            ends = self._node(child(callee, "object"), frame)
        elif callee.type not in FUNCTIONS:
            ends = self._node(callee, frame)
        ends = self._after_given(ends, given, frame)
        if End.FALLS not in ends:
            return ends
        if method:
            receiver = child(callee, "object")
            self.calls.append(Call(node, frame, method, receiver))
        return (ends - FALLS) | self._effect(node, callee, method, frame, awaited=awaited)

    def _effect(self, node: Node, callee: Node, method: str | None, frame: Frame, *, awaited: bool) -> Ends:
        given = arguments(node)
        meaning = self.resolver.resolve(callee, frame.module, frame.env)
        if isinstance(meaning, Name):
            return self._outside(meaning.path, given, frame)
        if method in {"call", "apply"}:
            meaning = self.resolver.resolve(child(callee, "object"), frame.module, frame.env)
            given = given[1:] if method == "call" else []
        if isinstance(meaning, Function):
            values = [self.resolver.resolve(argument, frame.module, frame.env) for argument in given]
            ends = self._function(meaning, values, frame)
            if is_async(meaning.node) and not awaited:
                ends = ends - {End.HANGS, End.THROWS} | (FALLS if ends & {End.HANGS, End.THROWS} else set())
            return ends
        if method == "forEach":
            return self._for_each(callee, given, frame)
        self._defer(given, frame)
        return FALLS

    def _outside(self, path: str, given: list[Node], frame: Frame) -> Ends:
        """A call of something that is not in the program."""
        if path == "process.exit":
            return frozenset({End.EXITS if self._fails(given, frame) else End.EXITS_CLEAN})
        if path == "require":
            return self._load(string_value(given[0]) if given else None, frame)
        if path in _TIMERS and frame.certain and self._soon(given, frame):
            probe = Execution(self.program)
            probe._exit_code_set = self._exit_code_set
            ends = probe.ends_of(self._functions(given[:1], frame))
            if ends <= _EXITS:
                self._due |= ends
        self._defer(given, frame)
        return FALLS

    def _soon(self, given: list[Node], frame: Frame) -> bool:
        delay = self.resolver.literal(given[1], frame.module, frame.env) if len(given) > 1 else 0
        return not isinstance(delay, float) or delay <= _LONGEST_DELAY_MS

    def _fails(self, given: list[Node], frame: Frame) -> bool:
        if not given:
            return self._exit_code_set
        value = self.resolver.literal(given[0], frame.module, frame.env)
        return isinstance(value, float) and int(value) & 0xFF != 0

    def _for_each(self, callee: Node, given: list[Node], frame: Frame) -> Ends:
        values = self.resolver.resolve(child(callee, "object"), frame.module, frame.env)
        functions = self._functions(given[:1], frame)
        if not (functions and isinstance(values, Expression) and values.node.type == "array"):
            self._defer(given, frame)
            return FALLS
        ends = FALLS
        for value in named(values.node):
            meaning = self.resolver.resolve(value, values.module, values.env)
            ends = (ends - FALLS) | self._function(functions[0], [meaning], frame)
        return ends

    def _given(self, given: list[Node], frame: Frame) -> Ends:
        return self._sequence(given, frame)

    def _after_given(self, ends: Ends, given: list[Node], frame: Frame) -> Ends:
        return (ends - FALLS) | self._given(given, frame) if End.FALLS in ends else ends

    def _inline(self, functions: list[Function], ends: Ends, frame: Frame) -> Ends:
        for function in functions:
            if End.FALLS in ends:
                ends = (ends - FALLS) | self._function(function, [], frame)
        return ends

    def _functions(self, nodes: list[Node], frame: Frame) -> list[Function]:
        meanings = (self.resolver.resolve(node, frame.module, frame.env) for node in nodes)
        return [meaning for meaning in meanings if isinstance(meaning, Function)]

    def _defer(self, given: list[Node], frame: Frame) -> None:
        self._later.extend((function, frame) for function in self._functions(given, frame))
