"""Log records without secrets, whoever writes them and wherever they go."""

from __future__ import annotations

import logging
from typing import Any

from harness.redact import redact

_FORMATTER = logging.Formatter()


def redact_logs() -> None:
    """Cut secrets out of every record of this process from now on. Twice is as good as once."""
    make = logging.getLogRecordFactory()
    if getattr(make, "redacts", False):
        return

    def make_redacted(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        record.msg, record.args = redact(record.getMessage()), None
        if record.exc_info:
            record.exc_text = redact(_FORMATTER.formatException(record.exc_info))
        return record

    make_redacted.redacts = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(make_redacted)
