"""The project's own modules, which a small suite in this process shares with the tests that come after it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def as_they_were(*packages: str) -> Iterator[None]:
    """What is put in the place of anything in modules of these packages meanwhile goes in the end."""
    before = {
        module: dict(vars(module))
        for name, module in sys.modules.items()
        if name.partition(".")[0] in packages
    }
    try:
        yield
    finally:
        for module, names in before.items():
            vars(module).update(names)
