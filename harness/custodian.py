"""Our end of the custodian: the one process on the host that owns all we make there."""

from __future__ import annotations

from typing import Any


class Custodian:
    """Requests over the custodian's stdin and stdout; safe to use from several threads at once."""

    def ask(self, op: str, *, timeout_s: float, **fields: Any) -> Any:
        """One request, one answer.

        :raises HarnessError: the custodian refused (with its reason), died, or did not answer in time.
        """
        raise NotImplementedError

    @property
    def facts(self) -> dict[str, Any]:
        """From its greeting: pid, python, uid, time, hostname."""
        raise NotImplementedError
