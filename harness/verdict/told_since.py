"""What changed since the last run, in a few lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.verdict.document import ChangePart, SincePart, TrendPart, rfc3339

_NAMED = 3  # checks of a line; all are in verdict.json
_SHOWN = 8  # characters of a digest
_LINES = 4  # for what still does not pass
WORDS = {
    "restore_healthy_s": ("restore to healthy", "slower", "faster", "{:.2f} s"),
    "cold_boot_healthy_s": ("cold boot to healthy", "slower", "faster", "{:.2f} s"),
    "clone_private_kib": ("memory of a clone", "heavier", "lighter", "{:.0f} KiB"),
}
"""A number in ``measured`` -> its name, what more and less of it is, and how one is written."""


def heading(since: SincePart) -> str:
    """Which run it was."""
    began = f" of {since.began:%Y-%m-%d %H:%M} UTC" if since.began else ""
    return f"Since the last run ({since.run}{began}: {since.outcome})"


def lines(since: SincePart) -> list[str]:
    """What is new, fixed, and since when the rest does not pass; what got slower or heavier."""
    told = [*_grouped("new", since.new), *_grouped("fixed", since.fixed)]
    told += _grouped("not asked any more", since.gone)
    still = [*_still(since.still)]
    told += still[:_LINES]
    if len(still) > _LINES:
        told.append(f"still: {len(still) - _LINES} more such lines")
    return told + [trend_line(trend) for trend in since.trends if trend.change == "worse"]


def every_change(since: SincePart) -> list[str]:
    """Every check by its name, a line each."""
    some = {"new": since.new, "fixed": since.fixed, "gone": since.gone, "still": since.still}
    return [
        f"{word:<8}{one.check}: {_before_and_now(one)}"
        + (f", since run {one.run}" if word == "still" else "")
        for word, ones in some.items()
        for one in ones
    ] or ["no check came to anything else"]


def _before_and_now(one: ChangePart) -> str:
    return f"{one.before or 'not asked'} before, now {one.outcome or 'not asked'}"


def trend_line(trend: TrendPart) -> str:
    """A number on two snapshots."""
    name, more, less, written = WORDS[trend.what]
    word = {"worse": more, "better": less, "none": "as before"}[trend.change]
    beside = "on" if trend.change == "none" else "than on"
    before, now = (written.format(one) for one in trend.medians)
    chance = "" if trend.p is None else f", p = {trend.p:.4f}"
    counted = f"{trend.runs[1]} and {trend.runs[0]} runs"
    return f"{name}: {word} {beside} the snapshot before: {now}, was {before} (medians of {counted}{chance})"


def value_line(what: str, before: float, now: float) -> str:
    """The same of two runs, which tells nothing of what made the difference."""
    name, _, _, written = WORDS[what]
    return f"{name}: {written.format(before)}, then {written.format(now)}"


def short(digest: str | None) -> str:
    """The beginning of a digest, by which one is told from another."""
    return digest[:_SHOWN] if digest else "not known"


def _grouped(word: str, some: Sequence[ChangePart]) -> Iterator[str]:
    groups: dict[str, list[str]] = {}
    for one in some:
        groups.setdefault(_before_and_now(one), []).append(one.check)
    for what, names in groups.items():
        yield f"{word} ({what}): {_names(names)}"


def _still(some: Sequence[ChangePart]) -> Iterator[str]:
    groups: dict[str, list[ChangePart]] = {}
    for one in sorted(some, key=lambda one: (one.outcome != "FAIL", one.since)):
        groups.setdefault(f"still {one.outcome} since run {one.run} of {rfc3339(one.since)}", []).append(one)
    for what, ones in groups.items():
        yield f"{what}: {_names([one.check for one in ones])}"


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
