"""The page: a verdict, and what was kept of its run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from harness.text import plain
from harness.verdict.about import About
from harness.verdict.document import Document
from harness.verdict.page.items import counted, lines_of
from harness.verdict.page.kept import Evidence
from harness.verdict.page.short import short
from harness.verdict.page.timeline import timeline
from harness.verdict.told_since import heading, lines

_TEMPLATE = "page.html.jinja"
_ENTRIES = 100  # of a section beside the checklist


@dataclass(frozen=True)
class Section:
    """What there is to tell beside the checklist."""

    title: str
    texts: list[str]
    more: int


def page(document: Document, folder: Path | None) -> str:
    """The whole page.

    :param folder: of the run's evidence; None where there is none.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    environment.filters.update(clock=_clock, moment=_moment, span=_span, slug=_slug)
    checklist = lines_of(document, Evidence(folder))
    return environment.get_template(_TEMPLATE).render(
        verdict=document,
        lines=checklist,
        items=counted(line.outcome for line in checklist),
        checks=counted(check.outcome for check in document.checks),
        sections=list(_sections(document)),
        about=list(_about(document)),
        timeline=timeline(document, checklist),
    )


def _sections(document: Document) -> Iterator[Section]:
    found = {
        "since": (heading(document.since), lines(document.since) if document.since.run else []),
        "narrowed": ("What kept it from asking everything", document.scope.narrowed),
        "trouble": ("Beside the checks", [f"{one.outcome}: {one.text}" for one in document.trouble]),
        "advice": ("Advice (changes no outcome)", [f"{one.check}: {one.text}" for one in document.advice]),
        "leftovers": ("Left on the host", document.leftovers),
        "unwritten": ("Could not be written", document.unwritten),
    }
    for name, (title, texts) in found.items():
        more = len(texts[_ENTRIES:]) + document.left_out.get(name, 0)
        if texts:
            yield Section(title, [short(text) for text in texts[:_ENTRIES]], more)


def _about(document: Document) -> Iterator[tuple[str, str]]:
    """All that is known of what was judged, by its place in ``verdict.json``."""
    told = document.model_dump(mode="json", include=set(About.model_fields) - {"unknown"})
    yield from _flat("", told)
    yield from ((place, f"not known: {why}") for place, why in document.unknown.items())


def _flat(place: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _flat(f"{place}.{name}" if place else name, one)
    elif isinstance(value, list):
        known = [str(one) for one in value if one is not None]
        yield from ([(place, ", ".join(known))] if known else [])
    elif value is not None:
        yield place, str(value)


def _visible(value: object) -> object:
    """Nothing goes into the page that could not be seen there."""
    return plain(value) if type(value) is str else value


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%H:%M:%S}"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _span(lasted: timedelta | float) -> str:
    """``4 min 12 s``."""
    seconds = lasted.total_seconds() if isinstance(lasted, timedelta) else lasted
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _slug(outcome: str) -> str:
    """An outcome as the name of a class."""
    return "".join(letter if letter.isalpha() else "-" for letter in outcome.lower())
