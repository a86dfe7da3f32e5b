"""The end of a run: it is held against the last one, and remembered for the next."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.verdict.document import document_of
from harness.verdict.file import as_json
from harness.verdict.history import History
from harness.verdict.outcome import RunVerdict
from harness.verdict.past import Past, past_of
from harness.verdict.since import since_last
from harness.verdict.told import told_verdict

_TORN = (
    "its last line breaks off: a run was killed while it wrote it, or the disk was full; it is passed over"
)


@contextlib.contextmanager
def remembered(
    root: Path, verdict: RunVerdict, *, exit_status: int, lost: Callable[[Path, BaseException], None]
) -> Iterator[None]:
    """Say in the verdict what changed; once it has been written, remember the run.

    :param lost: hears of a history that cannot be read or written, which turns no verdict.
    """
    history = History(root)
    try:
        verdict.since = since_last(_past(verdict, exit_status), history.newest_first())
    except Exception as error:  # noqa: BLE001 - whatever it is, the verdict is still to be told
        verdict.since.why = "the history cannot be read"
        lost(history.file, error)
    if history.torn:
        verdict.advice = [*verdict.advice, ("history", f"{history.file}: {_TORN}")]
    yield
    try:
        history.append(_past(verdict, exit_status))
    except Exception as error:  # noqa: BLE001 - as above
        lost(history.file, error)


def _past(verdict: RunVerdict, exit_status: int) -> Past:
    return past_of(document_of(as_json(told_verdict(verdict), exit_status=exit_status), whose="this run"))
