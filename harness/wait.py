"""Waiting: one deadline, one poll function, and the last answer in the error."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import tenacity

from harness.errors import WaitTimeoutError

T = TypeVar("T")

_LAST_LOOK_S = 0.2


def wait_until(
    ask: Callable[[], T],
    *,
    what: str,
    timeout_s: float,
    interval_s: float = 0.05,
    until: Callable[[T], object] = bool,
    retry_on: tuple[type[Exception], ...] = (),
    hint: str = "",
) -> T:
    """Ask again until ``until(answer)`` is true; return that answer.

    ``retry_on`` lists the exceptions that mean "not yet"; any other one ends the wait at once, which is how
    a terminal state is said. There is always one last look at the deadline. A look that is under way then is
    not cut short: one that may take long is to be :func:`capped`.

    :param timeout_s: seconds until the wait ends in :class:`WaitTimeoutError`.
    :raises WaitTimeoutError: naming ``what``, the time waited and the last answer or error.
    """
    retrying = tenacity.Retrying(
        stop=tenacity.stop_after_delay(timeout_s),
        wait=tenacity.wait_fixed(interval_s),
        retry=tenacity.retry_if_exception_type(retry_on) | tenacity.retry_if_result(lambda a: not until(a)),
    )
    try:
        return retrying(ask)
    except tenacity.RetryError as error:
        attempt = error.last_attempt
        seen = attempt.exception() if attempt.failed else attempt.result()
        raise WaitTimeoutError(
            f"{what}: not within {timeout_s:g} s ({attempt.attempt_number} looks); "
            f"last answer: {_shown(seen)}",
            last=seen,
            hint=hint,
        ) from (seen if isinstance(seen, BaseException) else None)


def last_answer(
    ask: Callable[[], T], *, until: Callable[[T], object], timeout_s: float, interval_s: float
) -> T:
    """The first answer that will do, or else the last one, for those who look at what a wait came to."""
    seen: list[T] = []

    def again() -> T:
        seen[:] = [ask()]
        return seen[0]

    try:
        return wait_until(again, what="an answer", timeout_s=timeout_s, interval_s=interval_s, until=until)
    except WaitTimeoutError:
        if not seen:  # it is another wait's, within
            raise
        return seen[0]


def capped(limit_s: float, deadline: float) -> float:
    """How long one look may take: what is left to a deadline of ``time.monotonic()``, and a moment at it."""
    return min(limit_s, max(deadline - time.monotonic(), _LAST_LOOK_S))


def _shown(seen: object) -> str:
    text = f"{type(seen).__name__}: {seen}" if isinstance(seen, BaseException) else repr(seen)
    return text if len(text) <= 500 else f"{text[:500]}… ({len(text)} characters)"
