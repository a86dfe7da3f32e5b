"""What the metadata service answers a guest: V1 to anybody, V2 with a token, as JSON or plain text."""

import re
import secrets
import time
from typing import Any

from lab.vmm.bodies import MmdsConfig
from lab.vmm.mmds.store import Mmds

TOKEN_PATH = "/latest/api/token"  # noqa: S105 (a path)
MAX_TTL = 21600
MAX_TOKENS = 1000
_MISSING = object()
_NUMBER = re.compile(r"[0-9]{1,9}")


class MmdsHttp:
    """Answers guests' requests from the store."""

    def __init__(self, store: Mmds, config: MmdsConfig) -> None:
        self._store = store
        self._config = config
        self._tokens: dict[str, float] = {}

    def answer(self, request: bytes) -> tuple[bytes, bool]:
        """The response, and whether the connection closes after it."""
        head, *lines = request.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        headers = {
            name.strip().lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)
        }
        words = head.split(" ")
        close = headers.get("connection", "").lower() == "close" or words[-1] == "HTTP/1.0"
        if len(words) != 3 or not words[1]:
            return _response(400, "Invalid request.", close=True), True
        status, kind, body = self._dispatch(words[0], words[1].partition("?")[0], headers)
        return _response(status, body, kind=kind, close=close), close

    def _dispatch(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, str, str]:
        plain = "text/plain"
        if method == "PUT" and path == TOKEN_PATH and self._config.version == "V2":
            return self._token(headers)
        if method != "GET":
            return 405, plain, "Not allowed HTTP method."
        if self._config.version == "V2" and not self._is_valid(headers.get("x-metadata-token", "")):
            return 401, plain, "MMDS token not valid."
        value = _lookup(self._store.data, path)
        if value is _MISSING:
            return 404, plain, f"Resource not found: {path}."
        if "application/json" in headers.get("accept", "") and not self._config.imds_compat:
            from msgspec import json

            return 200, "application/json", json.encode(value).decode()
        text = _as_text(value)
        if text is None:
            return 501, plain, "Cannot retrieve value. The value has an unsupported type."
        return 200, plain, text

    def _token(self, headers: dict[str, str]) -> tuple[int, str, str]:
        ttl = headers.get("x-metadata-token-ttl-seconds", "")
        if not _NUMBER.fullmatch(ttl) or not 1 <= int(ttl) <= MAX_TTL:
            return 400, "text/plain", f"Token time to live value must be between 1 and {MAX_TTL}."
        if len(self._tokens) >= MAX_TOKENS:  # the oldest makes room
            del self._tokens[next(iter(self._tokens))]
        token = secrets.token_urlsafe(32)
        self._tokens[token] = time.monotonic() + int(ttl)
        return 200, "text/plain", token

    def _is_valid(self, token: str) -> bool:
        return self._tokens.get(token, 0.0) > time.monotonic()


def _lookup(data: Any, path: str) -> Any:
    for part in path.strip("/").split("/"):
        if not part:
            continue
        if isinstance(data, list) and _NUMBER.fullmatch(part) and int(part) < len(data):
            data = data[int(part)]
        elif isinstance(data, dict) and part in data:
            data = data[part]
        else:
            return _MISSING
    return data


def _as_text(value: Any) -> str | None:
    """Strings as they are, objects as the list of their keys; EC2's format knows nothing else."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return "\n".join(f"{key}/" if isinstance(item, dict) else key for key, item in value.items())
    return None


def _response(status: int, body: str, *, kind: str = "text/plain", close: bool) -> bytes:
    data = body.encode()
    head = [
        f"HTTP/1.1 {status} ",
        "Server: Firecracker API",
        f"Connection: {'close' if close else 'keep-alive'}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(data)}",
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + data
