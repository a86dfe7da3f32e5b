"""One run of the VMM: socket first, then everything else."""

import errno
import signal
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lab.vmm.faults import Aborted, Exit, Fault, os_words, said_by
from lab.vmm.options import DEFAULT_PAYLOAD, DEFAULT_SOCKET, FAILURE, Options
from lab.vmm.server import Server, listen

if TYPE_CHECKING:
    from lab.vmm.logger import Logger
    from lab.vmm.metrics import Metrics
    from lab.vmm.vmm import Vmm

COMM = "firecracker"
MAX_ID = 64


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
        _check_filter(options)
        _preload(options, vmm)
    except Fault as fault:
        vmm.machine.kill()
        raise Exit(FAILURE, str(fault)) from fault
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
    if not 1 <= len(name) <= MAX_ID or not all(map(_fits, name)):
        raise Aborted(f"Invalid instance ID: {_bad_id(name)}")
    return name


def _fits(letter: str) -> bool:
    return letter.isascii() and (letter.isalnum() or letter == "-")


def _bad_id(name: str) -> str:
    if not 1 <= len(name) <= MAX_ID:
        return f"InvalidLen({len(name)}, 1, {MAX_ID})"
    at = next(at for at, letter in enumerate(name) if not _fits(letter))
    return f"InvalidChar({name[at]!r}, {at})"


def _listen(path: str) -> socket.socket:
    try:
        return listen(path)
    except OSError as error:
        words = f"Failed to bind and run the HTTP server: IO error: {os_words(error)}"
        if error.errno == errno.EADDRINUSE:
            words = f"Failed to open the API socket at: {path}. Check that it is not already used."
        raise Exit(FAILURE, f"RunWithApiError error: {words}") from error


def _name_process(argv: Sequence[str]) -> None:
    import setproctitle

    setproctitle.setproctitle(" ".join([COMM, *argv]))
    setproctitle.setthreadtitle(COMM)  # the title would be the short name too, cut to 15 letters


def _configure_output(options: Options, log: "Logger", metrics: "Metrics") -> None:
    given = options.values
    with said_by("Could not initialize logger"):
        log.configure(
            given.get("--log-path"),
            given.get("--level"),
            show_level="--show-level" in options.flags,
            show_origin="--show-log-origin" in options.flags,
        )
    if "--metrics-path" in given:
        with said_by("Could not initialize metrics"):
            metrics.configure(given["--metrics-path"])


def _check_filter(options: Options) -> None:
    """A filter of system calls is for the original's own; one that is not there is refused all the same."""
    path = options.values.get("--seccomp-filter")
    try:
        if path is not None:
            Path(path).open("rb").close()
    except OSError as error:
        raise Fault(f"Seccomp error: Filter file open error: {os_words(error)}") from error


def _preload(options: Options, vmm: "Vmm") -> None:
    """The metadata and the configuration named on the command line; a configuration also boots."""
    if options.values.keys().isdisjoint(("--metadata", "--config-file")):
        return
    from lab.vmm import config_file

    if "--metadata" in options.values:
        config_file.load_metadata(Path(options.values["--metadata"]), vmm)
    if "--config-file" in options.values:
        whose = "RunWithoutApiError error" if "--no-api" in options.flags else "RunWithApiError error"
        build = "Failed to build MicroVM from Json"
        with said_by(whose, build):
            config_file.boot(Path(options.values["--config-file"]), vmm)
