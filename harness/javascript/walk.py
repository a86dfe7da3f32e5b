"""How statements lead to one another: what can end where, as far as syntax tells."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum

from tree_sitter import Node

from harness.javascript.declarations import child
from harness.javascript.meaning import Env, Expression, Resolver
from harness.javascript.syntax import FUNCTIONS, Module, Program, named, text_of, unwrapped


class End(Enum):
    """How a piece of code can end."""

    FALLS = "it ends and the process lives on"
    RETURNS = "it returns and the process lives on"
    THROWS = "it throws"
    HANGS = "it awaits something that may never come"
    BREAKS = "a loop or switch is left"
    EXITS = "process.exit with a code that is not 0"
    EXITS_CLEAN = "process.exit with code 0, or with a code that cannot be told"


Ends = frozenset[End]
FALLS: Ends = frozenset({End.FALLS})
_LAST: Ends = frozenset({End.HANGS, End.EXITS, End.EXITS_CLEAN})
"""Nothing runs after these, not even what is in a ``finally``."""


@dataclass(frozen=True)
class Frame:
    """Where the walk is: the file, known variables, and how certain it is to come here."""

    module: Module
    env: Env
    doubts: tuple[int, ...] = ()
    """What may keep a start from coming here, by number: a callback, something to wait for; below 0 a choice,
    of which a start makes one or the other."""

    @property
    def certain(self) -> bool:
        """Come to on every start, before anything is waited for."""
        return not self.doubts

    @property
    def chosen(self) -> bool:
        """Come to by choices alone, and not once more by and by."""
        return all(doubt < 0 for doubt in self.doubts)

    def whenever(self, other: Frame) -> bool:
        """Come to on every start that comes to the other, with nothing waited for between them."""
        return other.doubts[: len(self.doubts)] == self.doubts


class Walk:
    """Walks statements in order of execution; :class:`Execution` knows what their expressions do."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.resolver = Resolver(program)
        self._numbers = itertools.count(1)

    def _maybe(self, frame: Frame) -> Frame:
        """The frame of code that is come to from here, if at all."""
        return replace(frame, doubts=(*frame.doubts, next(self._numbers)))

    def _choice(self, frame: Frame) -> Frame:
        """The frame of code that is come to from here, or else of other code."""
        return replace(frame, doubts=(*frame.doubts, -next(self._numbers)))

    def _sequence(self, nodes: Iterable[Node], frame: Frame) -> Ends:
        ends = FALLS
        for node in nodes:
            if End.FALLS not in ends:
                break
            own = self._node(node, frame)
            ends = (ends - FALLS) | own
            frame = frame if own == FALLS else self._maybe(frame)
        return ends

    def _node(self, node: Node, frame: Frame) -> Ends:
        if node.type in FUNCTIONS or node.type in {"class_declaration", "class", "comment"}:
            return FALLS
        special = getattr(self, f"_on_{node.type}", None)
        ends: Ends = special(node, frame) if special else self._sequence(named(node), frame)
        return ends

    def _on_if_statement(self, node: Node, frame: Frame) -> Ends:
        other = node.child_by_field_name("alternative")
        return self._either(child(node, "condition"), child(node, "consequence"), other, frame)

    def _on_ternary_expression(self, node: Node, frame: Frame) -> Ends:
        other = node.child_by_field_name("alternative")
        return self._either(child(node, "condition"), child(node, "consequence"), other, frame)

    def _either(self, condition: Node, then: Node, other: Node | None, frame: Frame) -> Ends:
        first = self._node(condition, frame)
        truth = self._truth(condition, frame)
        if truth is not None:
            taken = then if truth else other
            return self._after(first, taken, frame)
        return self._after(first, then, self._choice(frame)) | self._after(first, other, self._choice(frame))

    def _after(self, ends: Ends, node: Node | None, frame: Frame) -> Ends:
        if node is None or End.FALLS not in ends:
            return ends
        return (ends - FALLS) | self._node(node, frame)

    def _on_binary_expression(self, node: Node, frame: Frame) -> Ends:
        operator = text_of(node.child_by_field_name("operator"))
        left, right = child(node, "left"), child(node, "right")
        if operator not in {"&&", "||", "??"}:
            return self._sequence([left, right], frame)
        first = self._node(left, frame)
        truth = self._truth(left, frame) if operator != "??" else None
        if truth is None:
            return first | self._after(first, right, self._maybe(frame))
        return self._after(first, right, frame) if truth == (operator == "&&") else first

    def _truth(self, node: Node, frame: Frame) -> bool | None:
        node = unwrapped(node)
        if node.type in {"null", "undefined"}:
            return False
        if node.type == "unary_expression" and text_of(node.child_by_field_name("operator")) == "!":
            inner = self._truth(child(node, "argument"), frame)
            return None if inner is None else not inner
        if text_of(node).replace(" ", "") in {"require.main===module", "require.main==module"}:
            return frame.module is self.program.entry
        value = self.resolver.literal(node, frame.module, frame.env)
        return None if value is None else bool(value)

    def _on_try_statement(self, node: Node, frame: Frame) -> Ends:
        ends = self._node(child(node, "body"), frame)
        catch = node.child_by_field_name("handler")
        if catch is not None:
            caught = self._node(child(catch, "body"), self._maybe(frame))
            ends = (ends - {End.THROWS}) | caught if End.THROWS in ends else ends
        final = node.child_by_field_name("finalizer")
        if final is None:
            return ends
        last = self._node(child(final, "body"), frame)
        return (last - FALLS) | ends if End.FALLS in last else last | (ends & _LAST)

    def _loop(self, node: Node, frame: Frame) -> Ends:
        body = self._node(child(node, "body"), self._maybe(frame))
        return (body - {End.BREAKS}) | FALLS

    _on_while_statement = _on_for_statement = _loop

    def _on_do_statement(self, node: Node, frame: Frame) -> Ends:
        body = self._node(child(node, "body"), frame)
        return body - {End.BREAKS} | FALLS if End.BREAKS in body else body

    def _on_for_in_statement(self, node: Node, frame: Frame) -> Ends:
        name = child(node, "left")
        values = self.resolver.resolve(child(node, "right"), frame.module, frame.env)
        if not (isinstance(values, Expression) and values.node.type == "array" and name.type == "identifier"):
            return self._loop(node, frame)
        ends = FALLS
        for value in named(values.node):
            meaning = self.resolver.resolve(value, values.module, values.env)
            turn = replace(frame, env={**frame.env, name.id: meaning})
            if End.FALLS in ends:
                own = self._node(child(node, "body"), turn)
                ends = (ends - FALLS) | own
                frame = frame if own == FALLS else self._maybe(frame)
        return ends - {End.BREAKS} | FALLS if End.BREAKS in ends else ends

    def _on_switch_statement(self, node: Node, frame: Frame) -> Ends:
        ends: Ends = frozenset()
        cases = named(child(node, "body"))
        for number, _ in enumerate(cases):
            entered = [part for case in cases[number:] for part in _case_body(case)]
            ends |= self._sequence(entered, self._maybe(frame))
        if not any(case.type == "switch_default" for case in cases):
            ends |= FALLS
        return ends - {End.BREAKS} | FALLS if End.BREAKS in ends else ends

    def _on_return_statement(self, node: Node, frame: Frame) -> Ends:
        ends = self._sequence(named(node), frame)
        return ends - FALLS | {End.RETURNS} if End.FALLS in ends else ends

    def _on_throw_statement(self, node: Node, frame: Frame) -> Ends:
        ends = self._sequence(named(node), frame)
        return ends - FALLS | {End.THROWS} if End.FALLS in ends else ends

    def _on_break_statement(self, _node: Node, _frame: Frame) -> Ends:
        return frozenset({End.BREAKS})

    _on_continue_statement = _on_break_statement


def _case_body(case: Node) -> list[Node]:
    value = case.child_by_field_name("value")
    return [part for part in named(case) if value is None or part.id != value.id]
