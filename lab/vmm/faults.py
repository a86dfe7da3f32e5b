"""Errors this VMM answers or ends with.

Fault               a request that is answered with 400 (or ``status``); the process lives on
  FatalFault        answered with 400, then the process exits with code 1 (a failed snapshot load)
Exit                ends the process with ``code`` (bad arguments, bad configuration, socket in use)
Aborted             the process ends as Firecracker's panics do: SIGABRT
"""

from collections.abc import Iterator
from contextlib import contextmanager


class Fault(Exception):  # noqa: N818 (the API's own word: fault_message)
    """A request that cannot be done; its text becomes the response's ``fault_message``."""

    status = 400

    def __init__(self, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class FatalFault(Fault):
    """A failed load: the client gets its 400, then the process exits with code 1."""


class Exit(Exception):  # noqa: N818 (it is an ending, not always an error)
    """The process ends with ``code``; the text goes to log and stderr."""

    def __init__(self, code: int, message: str = "") -> None:
        super().__init__(message)
        self.code = code


class Aborted(Exception):  # noqa: N818 (the end that a panic makes)
    """Where Firecracker panics (a bad ``--id``, an unreadable ``--config-file``): SIGABRT."""


@contextmanager
def said_by(*links: str) -> Iterator[None]:
    """What goes wrong within is told as Firecracker tells it: a chain from the outside in."""
    try:
        yield
    except FatalFault:
        raise
    except Fault as fault:
        raise Fault(": ".join([*links, str(fault)]), status=fault.status) from fault


def os_words(error: OSError) -> str:
    """The operating system's words and their number, as Firecracker has them."""
    return f"{error.strerror} (os error {error.errno})"


def not_offered(what: str) -> Fault:
    """What Firecracker has and this look-alike has not."""
    return Fault(f"{what} is not offered by this VMM: it is the lab's QEMU look-alike of Firecracker.")
