"""The runbook's claims about server.js (step 3), each answered by a list of problems; none: it holds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from tree_sitter import Node

from harness.javascript.declarations import unchained
from harness.javascript.execution import Call, Execution
from harness.javascript.meaning import Expression, Function, Name
from harness.javascript.syntax import Program, arguments, text_of
from harness.javascript.walk import End, Ends, Frame

PROCESS_EVENTS = ("uncaughtException", "unhandledRejection")
_REGISTER = {"on", "once", "addListener", "prependListener", "prependOnceListener"}
_REMOVE = {"removeAllListeners", "removeListener", "off"}
_CHAINED = _REGISTER | _REMOVE
_APPLICATIONS = {"express", "connect", "koa"}


@dataclass(frozen=True)
class Registration:
    """One handler given to one event of the process, or of a server."""

    event: str | None
    call: Call
    handler: Function | None


class ServerSource:
    """What the agent's program does at start-up, and how its handlers end."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._execution = Execution(program)
        self._calls = self._execution.start()

    @cached_property
    def listens(self) -> list[Call]:
        """Calls that start a server, in order: at once or from a callback."""
        return [call for call in self._calls if call.method == "listen"]

    def handler_is_first(self, event: str) -> list[str]:
        """A handler for a process event is registered on every start, before a server listens, and stays."""
        found = self._registrations("process", event)
        if not found:
            return [f"no process.on({event!r}, …) is ever executed"]
        certain = [item for item in found if item.call.frame.certain]
        if not certain:
            where = ", ".join(item.call.place for item in found)
            return [f"process.on({event!r}, …) is not executed on every start ({where}): move it to the top"]
        problems = self._removals(event)
        first = self._calls.index(certain[0].call)
        early = [call for call in self._calls[:first] if call.method == "listen"]
        if early:
            problems.append(
                f"process.on({event!r}, …) ({certain[0].call.place}) comes after the server listens "
                f"({early[0].place})"
            )
        return problems

    def handler_exits(self, event: str) -> list[str]:
        """The handlers of a process event end in ``process.exit`` with a code not 0, whatever happens."""
        found = [item for item in self._registrations("process", event) if item.call.frame.certain]
        if not found:
            return [f"no handler for {event!r} is registered on every start"]
        return self._exits(found, f"the handler of {event!r}")

    def server_error_exits(self) -> list[str]:
        """The server that listens has an ``error`` handler that exits with a code not 0.

        Where it depends which one listens, each has.
        """
        if not self.listens:
            return ["no server ever listens"]
        problems: list[str] = []
        judged: list[Frame] = []
        guarded = False
        for listen in self.listens:
            if any(frame.whenever(listen.frame) for frame in judged):
                continue  # not the first to listen, whatever happens
            if guarded and not listen.frame.chosen:
                continue  # another one, which is opened when it is asked for
            found = self._error_handlers(listen)
            if not found:
                return [f"the server can listen ({listen.place}) without an 'error' handler"]
            problems += self._exits(found, "the server's 'error' handler")
            guarded = guarded or any(item.call.frame.certain for item in found)
            judged.append(listen.frame)
        return problems

    def listens_on(self, address: str) -> list[str]:
        """The server listens on ``address``."""
        if not self.listens:
            return ["no server ever listens"]
        call = self.listens[0]
        host = self._host(call)
        return (
            [] if host == address else [f"listen ({call.place}) names {host or 'no address'}, not {address}"]
        )

    def _exits(self, found: list[Registration], what: str) -> list[str]:
        unknown = [item.call.place for item in found if item.handler is None]
        if unknown:
            return [f"{what} ({', '.join(unknown)}) is not a function that can be read"]
        handlers = [item.handler for item in found if item.handler is not None]
        ends = Execution(self.program).ends_of(handlers)
        where = ", ".join(item.call.place for item in found)
        return [f"{what} ({where}) {_other_end(ends)}"] if ends != {End.EXITS} else []

    def _removals(self, event: str) -> list[str]:
        removed = [call for call in self._calls if call.method in _REMOVE and self._is_process(call)]
        named_here = [call for call in removed if self._first_literal(call) in {event, None}]
        return [f"the handlers of {event!r} are removed again ({call.place})" for call in named_here]

    def _registrations(self, receiver: str | None, event: str) -> list[Registration]:
        found = []
        for call in self._calls:
            if call.method not in _REGISTER or (receiver == "process") != self._is_process(call):
                continue
            if self._first_literal(call) == event:
                found.append(Registration(event, call, self._handler(call)))
        return found

    def _error_handlers(self, listen: Call) -> list[Registration]:
        """Those that a listening server has for sure."""
        names = self._identities(listen)
        found = self._registrations(None, "error")
        return [
            item
            for item in found
            if item.call.frame.whenever(listen.frame) and self._owner(item.call) in names
        ]

    def _handler(self, call: Call) -> Function | None:
        given = arguments(call.node)
        if len(given) < 2:
            return None
        meaning = self._execution.resolver.resolve(given[1], call.frame.module, call.frame.env)
        return meaning if isinstance(meaning, Function) else None

    def _first_literal(self, call: Call) -> object:
        given = arguments(call.node)
        return (
            self._execution.resolver.literal(given[0], call.frame.module, call.frame.env) if given else None
        )

    def _is_process(self, call: Call) -> bool:
        base = unchained(call.receiver, _CHAINED)
        meaning = self._execution.resolver.resolve(base, call.frame.module, call.frame.env)
        return meaning == Name("process")

    def _owner(self, call: Call) -> int | str:
        return self._identity(unchained(call.receiver, _CHAINED), call.frame)

    def _identity(self, node: Node, frame: Frame) -> int | str:
        """The expression that made an object; for what cannot be followed, the words that name it."""
        meaning = self._execution.resolver.resolve(node, frame.module, frame.env)
        if isinstance(meaning, Expression) and meaning.node.type in {"call_expression", "new_expression"}:
            made = unchained(meaning.node, _CHAINED)
            return made.id if made.id == meaning.node.id else self._identity(made, frame)
        return text_of(node)

    def _identities(self, listen: Call) -> set[int | str]:
        """How a listening server may be named: the call that made it, and ``x.listen(…)`` itself."""
        found: set[int | str] = {listen.node.id}
        meaning = self._execution.resolver.resolve(listen.receiver, listen.frame.module, listen.frame.env)
        maker = meaning.node.child_by_field_name("function") if isinstance(meaning, Expression) else None
        if text_of(maker).removesuffix("()") not in _APPLICATIONS:
            found.add(self._identity(unchained(listen.receiver, _CHAINED), listen.frame))
        return found

    def _host(self, listen: Call) -> object:
        frame, given = listen.frame, arguments(listen.node)
        resolver = self._execution.resolver
        first = resolver.resolve(given[0], frame.module, frame.env) if given else None
        if isinstance(first, Expression) and first.node.type == "object":
            entry = resolver.entry(first, "host")
            return resolver.literal_of(entry) if isinstance(entry, Expression) else None
        return resolver.literal(given[1], frame.module, frame.env) if len(given) > 1 else None


def _other_end(ends: Ends) -> str:
    others = sorted(end.value for end in ends if end is not End.EXITS)
    if others == [End.FALLS.value]:
        return "never calls process.exit with a code that is not 0: it logs at most, and the process lives on"
    return f"may end otherwise than by process.exit with a code that is not 0: {'; '.join(others)}"
