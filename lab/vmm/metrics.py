"""Metrics as newline-delimited JSON: written at start, every minute, when asked for, and at the end."""

import os
import time
from typing import Any

from lab.vmm.faults import Fault, os_words
from lab.vmm.files import open_output

INTERVAL = 60.0
_BAD_INPUT = "Cannot initialize the metrics system due to bad user input"


class Metrics:
    """The counters that this VMM has something to say about; names are Firecracker's."""

    def __init__(self) -> None:
        self._fd: int | None = None
        self.latencies: dict[str, int] = {}
        self.counts: dict[str, dict[str, int]] = {
            "api_server": {"process_startup_time_us": 0},
            "i8042": {"reset_count": 0},
            "logger": {"missed_log_count": 0, "missed_metrics_count": 0},
            "seccomp": {"num_faults": 0},
            "signals": {"sigbus": 0, "sigsegv": 0},
            "uart": {"missed_write_count": 0, "write_count": 0},
            "vcpu": {"failures": 0, "kvmclock_ctrl_fails": 0},
            "vmm": {"panic_count": 0},
        }

    def configure(self, path: str) -> None:
        """Write to ``path`` from now on; only once in a process's life."""
        if self._fd is not None:
            raise Fault(f"{_BAD_INPUT}: Reinitialization of metrics not allowed.")
        try:
            self._fd = open_output(path)
        except OSError as error:
            raise Fault(f"{_BAD_INPUT}: {os_words(error)}") from error

    def add(self, group: str, name: str, amount: int = 1) -> None:
        """Count something."""
        self.counts[group][name] += amount

    def took(self, name: str, since: float) -> None:
        """Keep how long an operation took, in microseconds, from a ``time.monotonic()`` reading."""
        self.latencies[name] = int((time.monotonic() - since) * 1e6)

    def flush(self) -> None:
        """Write one line; counters begin again at nought."""
        if self._fd is None:
            return
        line: dict[str, Any] = {"utc_timestamp_ms": time.time_ns() // 10**6, "latencies_us": self.latencies}
        from msgspec import json

        try:
            os.write(self._fd, json.encode(line | self.counts) + b"\n")
        except OSError:  # a full pipe or disk: the line is lost and counted, as Firecracker does
            self.add("logger", "missed_metrics_count")
            return
        for group in self.counts.values():
            group.update(dict.fromkeys(group, 0))
