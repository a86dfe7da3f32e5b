"""The hypervisor host: one connection, one custodian, and questions asked in one round trip each."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

from harness.custodian import Custodian
from harness.run import Result
from harness.site import Site
from harness.ssh import Connection


class Host:
    """A context manager that holds the one connection to the host.

    :param run_id: six hex digits that mark everything we make there; default a fresh one.
    """

    def __init__(self, site: Site, *, run_id: str | None = None) -> None:
        self.site = site
        self.run_id: str = run_id or ""

    def __enter__(self) -> Host:
        """Connect, start the custodian, and remove what dead runs left (see :attr:`reaped`)."""
        raise NotImplementedError

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Destroy all we made on the host, and disconnect."""

    @property
    def reaped(self) -> list[str]:
        """What the reaper removed when we connected, a line each."""
        raise NotImplementedError

    @property
    def connection(self) -> Connection:
        """The one connection."""
        raise NotImplementedError

    @property
    def custodian(self) -> Custodian:
        """The process on the host that owns all we make there."""
        raise NotImplementedError

    @property
    def testinfra(self) -> Any:
        """A testinfra Host over the one connection, as root through sudo."""
        raise NotImplementedError

    def script(self, text: str, *, timeout_s: float, root: bool = True) -> Result:
        """Run a shell script on the host in one round trip. A non-zero status does not raise.

        :param root: as root, or as the login user.
        :raises CommandError: not ended within ``timeout_s``; its process group is then killed.
        """
        raise NotImplementedError

    def python(self, source: str, argument: object = None, *, timeout_s: float) -> Any:
        """Run stdlib-only Python (3.9+) on the host as root, in one round trip.

        ``source`` finds ``argument`` as JSON in ``sys.argv[1]`` (or on stdin where it is over 64 KiB: then
        ``sys.argv[1]`` is ``-``), and prints one JSON document, which is returned decoded.

        :raises CommandError: a non-zero status, output that is not JSON, or not ended in time.
        """
        raise NotImplementedError

    def forward(self, target: str, local: Path | None = None) -> Path:
        """A local unix socket that leads to ``tcp:<address>:<port>`` or ``unix:<path>`` on the host."""
        raise NotImplementedError
