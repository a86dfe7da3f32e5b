"""A run in the words of Prometheus, for the textfile collector of its node exporter."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from harness.verdict.outcome import EXCUSED, Outcome, RunVerdict, behind_each
from harness.verdict.terms import ends
from harness.verdict.told import told_verdict
from harness.whole import write_whole

_LAST_PASS = "acceptance_last_pass_timestamp_seconds"  # noqa: S105 - not a password
_OUTCOMES = (Outcome.PASS, Outcome.FAIL, Outcome.BROKEN, Outcome.NOT_PROVEN)
_OF_ITEMS = (*_OUTCOMES, Outcome.WAIVED)
_READABLE = 0o644  # the exporter is another user


def write_metrics(path: Path, verdict: RunVerdict, *, exit_status: int, ended: float, seconds: float) -> None:
    """Write the file, whole; the time of the last PASS is taken from the one that it replaces.

    :param exit_status: the run's; a PASS that did not end with 0 is told as BROKEN.
    :param ended: seconds since 1970.
    :raises OSError: it could not be written.
    """
    told = told_verdict(verdict)
    gauges = _Gauges({"site": told.facts.get("site", ""), "scope": told.scope.name})
    outcome = Outcome.BROKEN if told.outcome is Outcome.PASS and exit_status else told.outcome
    gauges.run(outcome, ended=ended, seconds=seconds)
    last = ended if outcome is Outcome.PASS else _last_pass(path, gauges.common)
    if last is not None:
        gauges.one(_LAST_PASS, "When a run of this scope last came to PASS.").set(last)
    gauges.items(told)
    gauges.checks(told)
    gauges.excused(told)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, generate_latest(gauges.registry), mode=_READABLE)


class _Gauges:
    """All that is told of one run, each with the labels that they have in ``common``."""

    def __init__(self, common: dict[str, str]) -> None:
        self.common = common
        self.registry = CollectorRegistry()

    def run(self, came_to: Outcome, *, ended: float, seconds: float) -> None:
        """The run as a whole."""
        outcome = self._many("acceptance_run_outcome", "1 for the outcome of the run, else 0.", "outcome")
        for one in _OUTCOMES:
            outcome.labels(**self.common, outcome=one.value).set(came_to is one)
        self.one("acceptance_run_timestamp_seconds", "When the run ended.").set(ended)
        self.one("acceptance_run_duration_seconds", "How long the run took.").set(round(seconds, 3))

    def items(self, verdict: RunVerdict) -> None:
        """The lines of the checklist that were to be proven, or came to something all the same."""
        outcome = self._many(
            "acceptance_item_outcome", "1 for the outcome of the item, else 0.", "item", "outcome"
        )
        for item in verdict.items:
            said = item.in_scope or item.outcome is not Outcome.NOT_PROVEN
            for one in _OF_ITEMS if said else ():
                labels = {**self.common, "item": item.item.key, "outcome": one.value}
                outcome.labels(**labels).set(item.outcome is one)

    def checks(self, verdict: RunVerdict) -> None:
        """How many came to what, and each of them."""
        count = self._many("acceptance_checks", "How many checks came to this outcome.", "outcome")
        for one in Outcome:
            number = sum(result.outcome is one for result in verdict.results)
            count.labels(**self.common, outcome=one.value).set(number)
        behind = self._many("acceptance_checks_behind", "How many checks are behind this one.", "check")
        for root, number in behind_each(verdict.results).items():
            behind.labels(**self.common, check=root).set(number)
        labels = ("item", "check")
        passed = self._many("acceptance_check_passed", "1 for a check that came to PASS, else 0.", *labels)
        took = self._many("acceptance_check_duration_seconds", "How long the check took.", *labels)
        for result in verdict.results:
            if result.outcome is not Outcome.NOT_APPLICABLE:
                named = {**self.common, "item": result.check.item, "check": result.check.name}
                passed.labels(**named).set(result.outcome is Outcome.PASS)
                took.labels(**named).set(round(result.seconds, 3))

    def excused(self, verdict: RunVerdict) -> None:
        """Those that did not pass, and for which nobody is to be called."""
        labels = ("item", "check")
        excused = self._many("acceptance_check_excused", "1 for a check that is waived or advisory.", *labels)
        until = self._many(
            "acceptance_check_waived_until_timestamp_seconds", "When the waiver ends.", *labels
        )
        for result in verdict.results:
            named = {**self.common, "item": result.check.item, "check": result.check.name}
            if result.outcome in EXCUSED:
                excused.labels(**named).set(1)
            if result.outcome is Outcome.WAIVED and result.waiver:
                until.labels(**named).set(ends(result.waiver.until).timestamp())

    def one(self, name: str, what: str) -> Gauge:
        """A number of the whole run."""
        return self._many(name, what).labels(**self.common)

    def _many(self, name: str, what: str, *labels: str) -> Gauge:
        return Gauge(name, what, [*self.common, *labels], registry=self.registry)


def _last_pass(path: Path, labels: dict[str, str]) -> float | None:
    """What an earlier run of this site and scope has left there."""
    try:
        text = path.read_text("utf-8") if path.is_file() else ""
        families = list(text_string_to_metric_families(text))
    except Exception:  # noqa: BLE001 - anything may lie there, and the parser fails in several ways
        return None
    found = (sample for family in families for sample in family.samples)
    return next((one.value for one in found if (one.name, one.labels) == (_LAST_PASS, labels)), None)
