"""The metadata store behind PUT, PATCH and GET /mmds."""

from typing import Any

from lab.vmm.faults import Fault


class Mmds:
    """A JSON document of limited size, mostly an object."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.data: Any = {}
        """The document; empty until something was stored."""
        self._is_stored = False

    def put(self, document: Any) -> None:
        """Replace the document."""
        self._store(document)

    def patch(self, change: Any) -> None:
        """Apply a JSON merge patch."""
        if not self._is_stored:
            raise Fault("MMDS error: The MMDS data store is not initialized.")
        self._store(_merge(self.data, change))

    def _store(self, document: Any) -> None:
        from msgspec import json

        size = len(json.encode(document))
        if size > self._limit:
            raise Fault("MMDS limit exceeded error: The MMDS patch request doesn't fit.", status=413)
        self.data, self._is_stored = document, True


def _merge(target: Any, change: Any) -> Any:
    if not isinstance(change, dict):
        return change
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merge(result.get(key), value)
    return result
