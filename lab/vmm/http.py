"""HTTP/1.x as Firecracker's own small server speaks it: bytes in, requests and responses out, no sockets.

Its peculiarities are kept because clients meet them: an empty reason phrase, an ``error`` body with a raw
newline inside its JSON string for anything below the API's own level, and no chunked uploads.
"""

from dataclasses import dataclass

MAX_LINE = 1024
METHODS = ("GET", "PUT", "PATCH", "DELETE")
CONTINUE = b"HTTP/1.1 100 \r\nServer: Firecracker API\r\nConnection: keep-alive\r\n\r\n"


@dataclass(slots=True)
class Request:
    """One whole request."""

    method: str
    path: str
    body: bytes


class HttpError(Exception):
    """Bytes that are no request; the connection is answered and closed."""


@dataclass(slots=True)
class _Head:
    method: str
    path: str
    length: int
    expects: bool


def render(status: int, body: bytes = b"", *, deprecated: bool = False, close: bool = False) -> bytes:
    """A response, byte for byte as Firecracker writes it."""
    lines = [
        f"HTTP/1.1 {status} ",
        "Server: Firecracker API",
        f"Connection: {'close' if close else 'keep-alive'}",
    ]
    if deprecated:
        lines.append("Deprecation: true")
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def render_http_error(error: HttpError) -> bytes:
    """The answer below the API's level; its newline makes it invalid JSON, as Firecracker's is."""
    body = f'{{ "error": "{error}\nAll previous unanswered requests will be dropped." }}'
    return render(400, body.encode())


TOO_MANY = render(503, b'{ "error": "Too many open connections" }', close=True)


class Parser:
    """Collects a connection's bytes into requests."""

    def __init__(self, max_payload: int) -> None:
        self._max = max_payload
        self._buffer = bytearray()
        self._head: _Head | None = None
        self.wants_continue = False

    def feed(self, data: bytes) -> None:
        """Take what was received."""
        self._buffer += data

    def next(self) -> Request | None:
        """The next whole request, or None until more bytes are there."""
        if self._head is None:
            self._head = self._take_head()
            if self._head is None:
                return None
            self.wants_continue = self._head.expects and self._head.length > len(self._buffer)
        head = self._head
        if len(self._buffer) < head.length:
            return None
        body = bytes(self._buffer[: head.length])
        del self._buffer[: head.length]
        self._head = None
        return Request(head.method, head.path, body)

    def _take_head(self) -> _Head | None:
        end = self._buffer.find(b"\r\n\r\n")
        for line in bytes(self._buffer if end < 0 else self._buffer[:end]).split(b"\r\n"):
            if len(line) + 2 > MAX_LINE:
                raise HttpError(f"Invalid request: a line is longer than {MAX_LINE} bytes.")
        if end < 0:
            return None
        text = bytes(self._buffer[:end])
        del self._buffer[: end + 4]
        lines = text.split(b"\r\n")
        method, path = _request_line(lines[0])
        length, expects = _headers(lines[1:])
        if length > self._max:
            raise HttpError(
                f"Request payload with size {length} is larger than the limit of {self._max} "
                "allowed by server."
            )
        return _Head(method, path, length, expects)


def _request_line(line: bytes) -> tuple[str, str]:
    parts = line.decode("ascii", "replace").split(" ")
    if len(parts) != 3:
        raise HttpError("Invalid HTTP Request Line.")
    method, path, version = parts
    if method not in METHODS:
        raise HttpError("Invalid HTTP Method.")
    if version not in ("HTTP/1.0", "HTTP/1.1"):
        raise HttpError("Invalid HTTP Version.")
    if path.startswith("http://"):
        path = "/" + path.removeprefix("http://").partition("/")[2]
    if not path.startswith("/"):
        raise HttpError("Invalid URI.")
    return method, path


def _headers(lines: list[bytes]) -> tuple[int, bool]:
    length, expects = 0, False
    for raw in lines:
        name, colon, value = raw.decode("utf-8", "replace").partition(":")
        if not colon:
            raise HttpError(f"Invalid header. Reason: Invalid format. Header: {name}")
        key, value = name.strip().lower(), value.strip()
        if key == "content-length":
            if not value.isascii() or not value.isdigit() or int(value) >= 2**32:
                raise HttpError(f"Invalid header. Reason: Invalid value. Key:{name}; Value:{value}")
            length = int(value)
        elif key == "expect":
            expects = value == "100-continue"
    return length, expects
