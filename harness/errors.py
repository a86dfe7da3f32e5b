"""Our own trouble, as distinct from a site that breaks a claim.

A failed claim is an ``AssertionError`` in a check; a :class:`ConsequenceError` is one, too, which says whose
consequence it is. Everything else here means that we could not ask::

    HarnessError                 message + hint: what failed, where it looked, what to do next
    ├── UsageError               the operator must change what was typed or written
    │   └── SiteError            the site profile: file, field, what was expected
    ├── TransportError           the host, a guest or the database did not answer
    │   ├── CommandError         a program ended badly or too late
    │   ├── SshError             no SSH connection, or it was lost
    │   ├── NoAnswerError        the way was there, and whoever is at its end said nothing
    │   ├── UnreadableError      they answered, and what they said cannot be understood
    │   ├── UntoldError          they answered, and it is not to be told from what they said
    │   └── DatabaseError        no connection, or a query failed
    ├── VmError                  a VM could not be made, or was lost
    │   ├── VmmError             its VMM refused, did not start, or ended
    │   │   └── ApiError         Firecracker's API answered with a fault
    │   └── UnfitVmError         it is not as what is to be done in it needs it; a fresh one would be
    ├── SessionError             a session could not be launched, or was lost
    ├── BrowserError             our own browser could not do what it was told to
    ├── BrowserLostError         it could not be started, or is gone
    └── WaitTimeoutError         a deadline passed; carries the last answer seen
"""

from __future__ import annotations


class HarnessError(Exception):
    """What failed and where it looked; ``hint`` says what to do next.

    :param behind: the checks of which one claims what does not hold here: that is why we could not ask.
    """

    def __init__(self, message: str, *, hint: str = "", behind: str | tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.behind = (behind,) if isinstance(behind, str) else behind

    def __str__(self) -> str:
        return f"{self.message}\n  next: {self.hint}" if self.hint else self.message


class ConsequenceError(AssertionError):
    """A claim that does not hold, and could not where another check's does not: then it is no finding.

    :param behind: such checks. Where all of them pass, it is the finding that it seems to be.
    """

    def __init__(self, message: str, *, behind: str | tuple[str, ...]) -> None:
        super().__init__(message)
        self.behind = (behind,) if isinstance(behind, str) else behind


class UsageError(HarnessError):
    """The operator must change what was typed."""


class SiteError(UsageError):
    """The site profile is missing, malformed or incomplete."""


class TransportError(HarnessError):
    """Somebody we asked did not answer."""


class CommandError(TransportError):
    """A program ended with an unexpected status, or did not end in time."""


class SshError(TransportError):
    """SSH could not connect, log in, or keep the connection."""


class NoAnswerError(TransportError):
    """The way to somebody was there, and they said nothing: that may be a finding, not our own trouble."""


class UnreadableError(TransportError):
    """An answer that cannot be understood; the text says whose, and what is wrong with it."""


class UntoldError(TransportError):
    """Answers by which nobody can tell whether a claim holds: it is not proven, and that is no trouble."""


class DatabaseError(TransportError):
    """The database could not be reached, or refused a query."""


class VmError(HarnessError):
    """A VM could not be made, or was lost while in use."""


class VmmError(VmError):
    """The VMM itself refused, did not start, or ended: that may be a finding, not our own trouble."""


class ApiError(VmmError):
    """Firecracker's API answered with a fault, or not at all."""

    def __init__(self, message: str, *, status: int | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


class UnfitVmError(VmError):
    """A VM is not as what is to be done in it needs it, by what we did to it before; a fresh one would be."""


class SessionError(HarnessError):
    """A session could not be launched, or was lost while in use."""


class BrowserError(HarnessError):
    """Our own browser failed at what it was told to do: that may be a finding about the page."""


class BrowserLostError(HarnessError):
    """Our own browser could not be started, or has crashed: our trouble, whatever the page is like."""


class WaitTimeoutError(HarnessError):
    """A deadline passed without the state waited for; ``last`` is what was seen last."""

    def __init__(self, message: str, *, last: object = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.last = last
