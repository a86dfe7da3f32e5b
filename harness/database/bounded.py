"""A connection that takes no answer without end, in time or in size, and reads whatever bytes it has."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

import psycopg
from psycopg.abc import Buffer, PQGen
from psycopg.adapt import Loader
from psycopg.pq import TransactionStatus
from psycopg.types.json import set_json_loads
from psycopg.types.string import StrDumperUnknown

from harness.custodian.limits import Limit, LimitReached
from harness.text import decoded, encoded

RV = TypeVar("RV")

ANSWER_BYTES = 128 * 2**20
"""An answer is a few rows; keys of a million rows are 40 MB."""
_LOOK_S = 0.1  # how often a silent peer is thought of
_WITHDRAW_S = 5.0  # as the driver has it
_BYTES_RECEIVED = 128  # where the kernel's tcp_info has it


class BoundedConnection(psycopg.Connection[Any]):
    """Whatever is waited for, an exchange ends in time, or the connection does."""

    answer_s = 60.0
    """Seconds that an exchange may take, from its first word to its last."""

    @property
    def any_bytes(self) -> bool:
        """Whether the database takes any bytes for text: one in SQL_ASCII has no encoding to convert from."""
        return self.pgconn.parameter_status(b"server_encoding") == b"SQL_ASCII"

    def wait(self, gen: PQGen[RV], interval: float = _LOOK_S, timeout: float | None = None) -> RV:  # noqa: ARG002
        """Wait as the driver does: everything that it asks goes through here.

        :raises LimitReached: the answer was not complete in time, or too long; the connection is closed.
        """
        limit = Limit("the answer", seconds=self.answer_s, size=ANSWER_BYTES)
        counted = _counted(gen, limit, self.pgconn.socket)
        try:
            return super().wait(counted, interval)
        except LimitReached:
            self.close()
            raise
        except (Exception, KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # no interrupt that the driver knows: it would leave the question under way
            self._withdraw(counted)
            raise

    def _withdraw(self, rest: PQGen[RV]) -> None:
        """Have the server end a question that nobody waits for any more, or hang up."""
        limit = Limit("the answer", seconds=_WITHDRAW_S, size=ANSWER_BYTES)
        with contextlib.suppress(psycopg.Error, LimitReached):
            self.cancel_safe(timeout=_WITHDRAW_S)
            super().wait(_counted(rest, limit, self.pgconn.socket), _LOOK_S)
        if self.info.transaction_status == TransactionStatus.ACTIVE:
            self.close()


def connect_within(seconds: float, **parameters: str | int) -> BoundedConnection:
    """Connect and log in, all of it in time: names, every address that a name has, TLS, and the password.

    The driver gives each address its time anew, and a resolver takes what it likes.

    :raises psycopg.Error: refused, or not in time.
    """
    connecting = Future[BoundedConnection]()

    def connect() -> None:
        try:
            share = max(2, int(seconds / _addresses(parameters)))
            connecting.set_result(_connect({**parameters, "connect_timeout": share}))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is for whoever waits
            connecting.set_exception(error)

    threading.Thread(target=connect, name="connect", daemon=True).start()
    try:
        return connecting.result(seconds)
    except BaseException as error:
        connecting.add_done_callback(_close_late)
        if isinstance(error, TimeoutError):
            said = f"connect and login timed out after {seconds:g} s"
            raise psycopg.errors.ConnectionTimeout(said) from None
        raise


def _addresses(parameters: Mapping[str, str | int]) -> int:
    """How many addresses the driver tries one after the other: a silent one is to leave time for the next."""
    host = str(parameters.get("host", ""))
    if not host or host.startswith(("/", "@")) or parameters.get("hostaddr"):
        return 1
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # the driver says it better
        return 1
    return max(1, len({address[4][0] for address in found}))


def _connect(parameters: dict[str, str | int]) -> BoundedConnection:
    # A pooler may give each transaction to another server process, without what was prepared.
    connection = BoundedConnection.connect(
        autocommit=True,
        prepare_threshold=None,
        **parameters,  # type: ignore[arg-type]
    )
    if connection.any_bytes:
        for kind in ("text", "varchar", "bpchar", "name"):
            connection.adapters.register_loader(kind, _Text)
        connection.adapters.register_dumper(str, _TextDumper)
    set_json_loads(_json, connection)
    return connection


def _close_late(connecting: Future[BoundedConnection]) -> None:
    if connecting.exception() is None:
        connecting.result().close()


def _counted(gen: PQGen[RV], limit: Limit, number: int) -> PQGen[RV]:
    """The driver's steps, each of which may be the last."""
    taken = _received(number)
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            came = _received(number)
            limit.take(came - taken)
            taken = came
            wanted = gen.send(ready)
    except StopIteration as end:
        answer: RV = end.value
        return answer


def _received(number: int) -> int:
    """Bytes that came in over a socket so far, as Linux counts them for TCP; none for any other."""
    try:
        with socket.socket(fileno=os.dup(number)) as ours:
            told = ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_RECEIVED + 8)
            return int(struct.unpack_from("Q", told, _BYTES_RECEIVED)[0])
    except (OSError, struct.error):
        return 0


class _Text(Loader):
    """Any bytes are data, as those of a file's name."""

    def load(self, data: Buffer) -> str:
        return decoded(bytes(data))


class _TextDumper(StrDumperUnknown):
    """What was read so, is asked about by the same bytes."""

    def dump(self, obj: str) -> bytes:
        if "\x00" in obj:
            raise psycopg.DataError("a text of PostgreSQL holds no NUL")
        return encoded(obj)


def _json(data: str | bytes) -> Any:
    try:
        return json.loads(data if isinstance(data, str) else decoded(data))
    except (ValueError, RecursionError) as error:
        kind = "too deep" if isinstance(error, RecursionError) else str(error)
        raise psycopg.DataError(f"a row that cannot be read as JSON: {kind}") from None
