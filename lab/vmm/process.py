"""One run of the VMM: socket first, then everything else."""

import signal
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lab.vmm.faults import Aborted, Exit, Fault
from lab.vmm.options import DEFAULT_PAYLOAD, DEFAULT_SOCKET, FAILURE, Options
from lab.vmm.server import Server, listen

if TYPE_CHECKING:
    from lab.vmm.logger import Logger
    from lab.vmm.metrics import Metrics
    from lab.vmm.vmm import Vmm

COMM = "firecracker"


def run(options: Options, argv: Sequence[str]) -> int:
    """Serve the API until the machine ends; returns the exit code."""
    instance = _instance(options.values.get("--id", "anonymous-instance"))
    listener = (
        None if "--no-api" in options.flags else _listen(options.values.get("--api-sock", DEFAULT_SOCKET))
    )
    _name_process(argv)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)  # plain deaths, as Firecracker's: the kernel takes QEMU along

    from lab.vmm.logger import Logger
    from lab.vmm.metrics import INTERVAL, Metrics
    from lab.vmm.routes import Router
    from lab.vmm.version import LOOK_ALIKE, VERSION
    from lab.vmm.vmm import Vmm

    log, metrics, server = Logger(instance), Metrics(), Server()
    payload = options.number("--http-api-max-payload-size", DEFAULT_PAYLOAD)
    vmm = Vmm(instance, log, metrics, server, mmds_limit=options.number("--mmds-size-limit", payload))
    try:
        _configure_output(options, log, metrics)
        log.info(f"Running Firecracker v{VERSION}")
        log.info(LOOK_ALIKE)
        _preload(options, vmm)
    except Fault as fault:
        vmm.machine.kill()
        raise Exit(FAILURE, f"BuildMicroVMFromJson({fault})") from fault
    if listener is not None:
        log.info(f"Listening on API socket ({listener.getsockname()}).", "fc_api")
        server.serve(listener, Router(vmm).answer, payload)
    server.every(INTERVAL, metrics.flush)
    code = server.run()
    metrics.flush()
    ending = "exiting successfully" if code == 0 else "exiting with error"
    log.info(f"Firecracker {ending}. exit_code={code}")
    return code


def _instance(name: str) -> str:
    if not 1 <= len(name) <= 64 or not all(c.isascii() and (c.isalnum() or c == "-") for c in name):
        raise Aborted(f"Invalid instance ID {name!r}: 1 to 64 letters, digits or '-'")
    return name


def _listen(path: str) -> socket.socket:
    try:
        return listen(path)
    except OSError as error:
        raise Exit(
            FAILURE, f"FailedToBindSocket: Failed to open the API socket at: {path}. {error.strerror}"
        ) from error


def _name_process(argv: Sequence[str]) -> None:
    import setproctitle

    setproctitle.setproctitle(" ".join([COMM, *argv]))
    setproctitle.setthreadtitle(COMM)  # the title would be the short name too, cut to 15 letters


def _configure_output(options: Options, log: "Logger", metrics: "Metrics") -> None:
    given = options.values
    log.configure(
        given.get("--log-path"),
        given.get("--level"),
        show_level="--show-level" in options.flags,
        show_origin="--show-log-origin" in options.flags,
    )
    if "--metrics-path" in given:
        metrics.configure(given["--metrics-path"])


def _preload(options: Options, vmm: "Vmm") -> None:
    """The metadata and the configuration named on the command line; a configuration also boots."""
    if options.values.keys().isdisjoint(("--metadata", "--config-file")):
        return
    from lab.vmm import config_file

    if "--metadata" in options.values:
        config_file.load_metadata(Path(options.values["--metadata"]), vmm)
    if "--config-file" in options.values:
        config_file.boot(Path(options.values["--config-file"]), vmm)
