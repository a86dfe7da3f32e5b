"""HTTP/1.x as Firecracker's own small server speaks it: bytes in, requests and responses out, no sockets.

Its peculiarities are kept because clients meet them: an empty reason phrase, an ``error`` body with a raw
newline inside its JSON string for anything below the API's own level, and no chunked uploads.
"""

import re
from dataclasses import dataclass

MAX_LINE = 1024
_NUMBER = re.compile(r"\+?[0-9]+", re.ASCII)
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
    length: int = 0
    expects: bool = False
    whole: bool = False  # its blank line is there


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
        head = self._take_head()
        if head is None or len(self._buffer) < head.length:
            return None
        body = bytes(self._buffer[: head.length])
        del self._buffer[: head.length]
        self._head = None
        return Request(head.method, head.path, body)

    def _take_head(self) -> _Head | None:
        """The head once it is whole; its lines are read as they come, and not kept."""
        while self._head is None or not self._head.whole:
            line = self._take_line()
            if line is None:
                return None
            if self._head is None:
                self._head = _request_line(line)
            elif line:
                _read_header(line, self._head)
            else:
                self._head.whole = True
                self._check_length(self._head)
        return self._head

    def _check_length(self, head: _Head) -> None:
        if head.length > self._max:
            raise HttpError(
                f"Request payload with size {head.length} is larger than the limit of {self._max} "
                "allowed by server."
            )
        self.wants_continue = head.expects and head.length > len(self._buffer)

    def _too_long(self) -> str:
        if self._head is None:
            return "Invalid request."
        seen = bytes(self._buffer[:MAX_LINE]).decode("utf-8", "replace")
        return f"Invalid header. Reason: Invalid content length. Header: {seen}"

    def _take_line(self) -> bytes | None:
        end = self._buffer.find(b"\r\n", 0, MAX_LINE)
        if end < 0:
            if len(self._buffer) >= MAX_LINE:
                raise HttpError(self._too_long())
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line


def _request_line(line: bytes) -> _Head:
    parts = line.split(b" ", 2)
    if len(parts) != 3:
        raise HttpError("Invalid request.")
    method = parts[0].decode("ascii", "replace")
    if method not in METHODS:
        raise HttpError("Invalid HTTP Method: Unsupported HTTP method.")
    path = _path(parts[1])
    if parts[2] not in (b"HTTP/1.0", b"HTTP/1.1"):
        raise HttpError("Invalid HTTP Version: Unsupported HTTP version.")
    return _Head(method, path)


def _path(uri: bytes) -> str:
    """What of a URI is the path; there is none in one that is neither a path nor a whole address."""
    if not uri:
        raise HttpError("Invalid URI: Empty URI not allowed.")
    try:
        path = uri.decode()
    except UnicodeDecodeError:
        raise HttpError("Invalid URI: Cannot parse URI as UTF-8.") from None
    if path.startswith("http://"):
        path = "/" + path.removeprefix("http://").partition("/")[2]
    return path if path.startswith("/") else ""


def _read_header(line: bytes, head: _Head) -> None:
    try:
        name, colon, value = line.decode().partition(":")
    except UnicodeDecodeError as error:
        why = f"invalid utf-8 sequence of {error.end - error.start} bytes from index {error.start}"
        raise HttpError(f"Invalid header. Reason: Header contains invalid characters. Key: {why}") from None
    if not colon:
        raise HttpError(f"Invalid header. Reason: Header is incorrectly formatted. Key: {name}")
    key = name.strip().lower()
    if key == "content-length":
        if not _NUMBER.fullmatch(value.strip()) or int(value) >= 2**32:
            raise HttpError(f"Invalid header. Reason: Invalid value. Key:Content-Length; Value:{value}")
        head.length = int(value)
    elif key == "expect":
        head.expects = value.strip() == "100-continue"
    elif key == "accept-encoding":
        _check_encodings(value)


def _check_encodings(value: str) -> None:
    """Nothing is encoded here: who refuses what is not is refused."""
    if not value.strip():
        raise HttpError("Invalid request.")
    for word in (word.strip() for word in value.split(",")):
        if word in ("identity;q=0", "*;q=0"):
            raise HttpError(f"Invalid header. Reason: Invalid value. Key:Accept-Encoding; Value:{word}")
