"""A WebSocket at a unix socket."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from websockets.sync.server import ServerConnection, unix_serve
from websockets.typing import Subprotocol


@contextlib.contextmanager
def websocket_peer(
    path: Path, serve: Callable[[ServerConnection], None], *, subprotocol: str = ""
) -> Iterator[None]:
    """Serves each connection in a thread of its own."""
    spoken = [Subprotocol(subprotocol)] if subprotocol else None
    with unix_serve(serve, str(path), subprotocols=spoken) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join(60)
