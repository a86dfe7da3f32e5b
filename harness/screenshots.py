"""Screenshots for the evidence: one that cannot be taken is a line in the log, and changes no outcome."""

from __future__ import annotations

import logging
from collections.abc import Callable

from harness.errors import BrowserError, BrowserLostError

log = logging.getLogger(__name__)


def keep(screenshots: dict[str, bytes], name: str, take: Callable[[], bytes]) -> None:
    """Take one, and keep it by its name."""
    try:
        screenshots[name] = take()
    except (BrowserError, BrowserLostError) as error:
        log.warning("screenshot %s: %s", name, error.message)
