"""The page as a file: of the run that ends, or of one whose ``verdict.json`` there is."""

from __future__ import annotations

from pathlib import Path

from harness.errors import UsageError
from harness.verdict.document import Document, read_document
from harness.verdict.file import told_json
from harness.verdict.outcome import RunVerdict
from harness.verdict.page.render import page
from harness.whole import write_whole

_VERDICT = "verdict.json"


def write_page(path: Path, verdict: RunVerdict, folder: Path | None, *, exit_status: int) -> None:
    """Write the page of this run, whole.

    :param folder: of its evidence.
    :raises OSError: it could not be written.
    """
    document = Document.model_validate(told_json(verdict, exit_status=exit_status))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, page(document, folder).encode())


def write_earlier(run: Path, path: Path) -> None:
    """Write the page of an earlier run, whole.

    :param run: its folder of evidence, or the file ``verdict.json``.
    :raises HarnessError: there is no verdict, or the page could not be written.
    """
    verdict = run / _VERDICT if run.is_dir() else run
    document = read_document(verdict)
    try:
        write_whole(path, page(document, verdict.parent).encode())
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", hint="-o FILE") from error
