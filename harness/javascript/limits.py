"""Which calls of a program give up by themselves when nothing answers."""

from __future__ import annotations

from tree_sitter import Node

from harness.javascript.clients import chain, client, fetch_of
from harness.javascript.declarations import child, results, unchained, within
from harness.javascript.meaning import Expression, Meaning, Resolver
from harness.javascript.races import is_race, is_timed, races, rejects_later, running
from harness.javascript.signals import is_limited
from harness.javascript.syntax import Module, Program, arguments, descendants, text_of

_DEEPEST = 5
_SETTLED = {"then", "catch", "finally"}


class Limits:
    """Tells calls with a limit from calls without."""

    def __init__(self, program: Program) -> None:
        self._resolver = Resolver(program)

    def is_database(self, call: Node, module: Module) -> bool:
        """Whether a call is made on a database client."""
        return client(Expression(call, module), self._resolver) is not None

    def covers(self, call: Node, module: Module) -> bool:
        """Whether a call gives up on whatever it was given: a race, or a wrapper with one."""
        at = Expression(call, module)
        return self._is_wrapper(at) or self._is_race(at)

    def gives_up(self, call: Node, module: Module) -> bool:
        """Whether a call ends in time: one that covers, one with a signal, or on a client that gives up."""
        at = Expression(call, module)
        return self.covers(call, module) or self._has_signal(at) or self._is_clients(at)

    def _is_wrapper(self, at: Expression) -> bool:
        """A call, from elsewhere, of a function that races its first parameter against a rejecting timer."""
        function = self._resolver.called(at)
        if function is None or not arguments(at.node):
            return False
        if function.module is at.module and within(at.node, function.node):
            return False
        single = function.node.child_by_field_name("parameter")
        first = single or next(iter(child(function.node, "parameters").named_children), None)
        name = text_of(first.child_by_field_name("left") or first) if first is not None else ""
        return any(
            rejects_later(function.node) or any(map(self._rejects, running(race, function, self._resolver)))
            for race in races(function.node)
            if any(text_of(found) == name for found in descendants(race, "identifier"))
        )

    def _is_race(self, at: Expression) -> bool:
        """A race of a call against a timer that rejects."""
        if not is_race(at.node):
            return False
        racers = running(at.node, at, self._resolver)
        work = [one for one in racers if not self._rejects(one)]
        calls = any(isinstance(one, Expression) and one.node.type == "call_expression" for one in work)
        return calls and (len(work) < len(racers) or rejects_later(at.node))

    def _rejects(self, racer: Meaning) -> bool:
        return is_timed(racer, rejects_later, self._resolver)

    def _has_signal(self, at: Expression) -> bool:
        """A request, or a chain of calls, that was given a signal that a timer raises."""
        for link in chain(at.node):
            callee = child(link, "function")
            method = text_of(callee.child_by_field_name("property"))
            if text_of(callee) != "fetch" and method != "abortSignal":
                continue
            inner = descendants(child(link, "arguments"), "call_expression")
            if any(text_of(child(call, "function")) == "AbortSignal.timeout" for call in inner):
                return True
            if any(is_limited(given, at, self._resolver) for given in arguments(link)):
                return True
        return False

    def _is_clients(self, at: Expression) -> bool:
        """A call on a database client whose ``fetch`` gives up."""
        made = client(at, self._resolver)
        fetch = fetch_of(made, self._resolver) if made is not None else None
        return fetch is not None and self._ask_in_time(
            [self._resolver.resolve(one, fetch.module, fetch.env) for one in results(fetch.node)]
        )

    def _ask_in_time(self, requests: list[Meaning], depth: int = _DEEPEST) -> bool:
        return bool(requests) and all(self._asks_in_time(one, depth) for one in requests)

    def _asks_in_time(self, request: Meaning, depth: int) -> bool:
        """A request that is wrapped, raced, or goes out with a signal that a timer raises."""
        if not isinstance(request, Expression):
            return False
        asked = unchained(request.node, _SETTLED)
        at = self._resolver.resolve(asked, request.module, request.env)
        if not isinstance(at, Expression) or at.node.type != "call_expression":
            return False
        if self._resolver.called(at) is None:
            return self._is_race(at) or any(is_limited(one, at, self._resolver) for one in arguments(at.node))
        inner = depth > 0 and self._ask_in_time(self._resolver.returned(at), depth - 1)
        return inner or self._is_wrapper(at)
