"""Where each second of an acceptance run goes: by VM, by our process, by waiting; and in which checks."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.report import Figure
from bench.soak.suite import started
from bench.whose_time import Looker, Sample, Span, Whose, by_span, shares
from harness.errors import UsageError
from harness.verdict.document import Document, read_document
from lab.minipc import record
from lab.paths import lab_paths

_LOOK_EVERY_S = 0.25
_LONGEST = 12
_MOMENT_S = 0.05


def measure() -> Iterator[Figure]:
    """The whole, then those checks that took longest, and what is in none."""
    verdict, samples = _run()
    whole = shares(samples)
    took_s = samples[-1].at - samples[0].at
    yield Figure("acceptance, from start to end", took_s, "s", how=f"{verdict.outcome}, once")
    for whose, seconds in whole.items():
        yield Figure(f"of these: {whose}", seconds, "s", how=f"{100 * seconds / took_s:.0f} %")
    spans = [Span(one.name, one.began.timestamp(), one.seconds) for one in verdict.checks if one.began]
    parts = by_span(samples, spans)
    longest = sorted(parts, key=lambda name: -sum(parts[name].values()))
    for name in [one for one in longest if one][:_LONGEST]:
        yield _part(name, parts[name])
    if "" in parts:
        yield _part("in no check: start, collection, end", parts[""])


def _part(what: str, times: Mapping[Whose, float]) -> Figure:
    told = [f"{whose} {seconds:.1f}" for whose, seconds in times.items() if seconds >= _MOMENT_S]
    return Figure(what, sum(times.values()), "s", how=", ".join(told))


def _run() -> tuple[Document, list[Sample]]:
    paths = lab_paths()
    host = record.read(paths)
    if host is None:
        raise UsageError("the lab is not up", hint="python -m lab up")
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder, temporary = Path(name) / "run", Path(name)
        with started(paths.site, "acceptance", folder, temporary) as suite:
            looker, over = Looker(suite.process.pid, host.leader.pid), threading.Event()
            samples: list[Sample] = [looker.look()]

            def look() -> None:
                while not over.wait(_LOOK_EVERY_S):
                    samples.append(looker.look())

            thread = threading.Thread(target=look)
            thread.start()
            try:
                suite.result()
            finally:
                over.set()
                thread.join()
            return read_document(folder / "evidence" / (suite.run_id or "none") / "verdict.json"), samples
