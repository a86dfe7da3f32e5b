"""The metadata store behind PUT, PATCH and GET /mmds."""

from typing import Any

from lab.vmm.faults import Fault


class Mmds:
    """A JSON document of limited size."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._data: dict[str, Any] | None = None

    @property
    def data(self) -> dict[str, Any]:
        """The document; empty until something was stored."""
        return self._data or {}

    def put(self, document: Any) -> None:
        """Replace the document."""
        self._store(document)

    def patch(self, change: Any) -> None:
        """Apply a JSON merge patch."""
        if self._data is None:
            raise Fault("The MMDS data store is not initialized.")
        self._store(_merge(self._data, change))

    def _store(self, document: Any) -> None:
        from msgspec import json

        if not isinstance(document, dict):
            raise Fault("Cannot store MMDS data: a JSON object is expected.")
        size = len(json.encode(document))
        if size > self._limit:
            raise Fault(
                f"The MMDS patch request doesn't fit: {size} bytes, {self._limit} are allowed.", status=413
            )
        self._data = document


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
