"""Verdicts of many machines and jobs, merged to the verdict on a fleet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.answers import read_json
from harness.errors import UnreadableError, UsageError
from harness.fleet.document import NAME, FleetDocument, fleet_document_of
from harness.fleet.judge import judge_fleet
from harness.fleet.result import SiteResult, result_of, unasked
from harness.fleet.sites import Fleet, FleetSite
from harness.verdict.content import content_of
from harness.verdict.document import document_of

_OF_FOLDERS = (NAME, "verdict.json", "latest/verdict.json")
_NO_VERDICT = "no verdict on it was given"
_PARTIAL = "partial"
"""The scope of a run that was asked some checks: of another one's it may share none."""


def merge(paths: Sequence[Path], fleet: Fleet | None = None) -> FleetDocument:
    """The verdict on all sites that these files tell of.

    A run that is told of twice counts once. A site of which two runs are told stands there twice: no run
    hides what another saw.

    :param fleet: every site that should be there; one without a verdict is NOT PROVEN.
    :raises UnreadableError: a file is no verdict.
    :raises UsageError: there is none, or they were asked different things.
    """
    results: dict[tuple[str, ...], SiteResult] = {}
    scopes: dict[str, Path] = {}
    names: list[str] = []
    stopped: list[str] = []
    for path in map(_file, paths):
        scope, name, why, sites = _told_by(path, fleet)
        scopes.setdefault(scope, path)
        names += [name] if name else []
        stopped += [why] if why else []
        for one in sites:
            results.setdefault((one.key, one.run, one.outcome, one.why, str(one.began)), one)
    if len(scopes) > 1:
        said = ", ".join(f"{scope} in {path}" for scope, path in scopes.items())
        raise UsageError(f"verdicts on different questions: {said}", hint="merge those of one scope")
    if _PARTIAL in scopes:
        raise UsageError(
            f"{scopes[_PARTIAL]}: a verdict on some checks alone",
            hint="merge those of -m smoke or -m acceptance",
        )
    found = [*_without_echoes([*results.values()], fleet)]
    missing = [*_missing(found, fleet)] if fleet else []
    return judge_fleet(
        fleet.name if fleet else next(iter(names), "merged"),
        [*found, *missing],
        scope=next(iter(scopes)),
        stopped="; ".join(dict.fromkeys(stopped)),
        merged=len(paths),
    )


def _file(path: Path) -> Path:
    """The verdict at a path: a file, or the folder of a fleet, a run or a site."""
    if not path.is_dir():
        return path
    inside = (path / name for name in _OF_FOLDERS)
    found = next((file for file in inside if file.is_file()), None)
    if found is None:
        raise UnreadableError(f"{path}: no verdict in it", hint=f"a folder with {NAME} or verdict.json")
    return found


def _told_by(path: Path, fleet: Fleet | None) -> tuple[str, str, str, list[SiteResult]]:
    """Its scope, the fleet's name, why it was stopped, and its sites."""
    try:
        value = read_json(content_of(path, follow=True), whose=str(path))
    except OSError as error:
        raise UnreadableError(f"{path}: {error.strerror}", hint="name files that are there") from error
    if isinstance(value, dict) and "fleet" in value:
        document = fleet_document_of(value, whose=str(path))
        sites = [_as_in(fleet, one) for one in document.sites]
        return document.scope, document.fleet, document.stopped, sites
    verdict = document_of(value, whose=str(path))
    site = _site_of(Path(verdict.profile.file), fleet)
    return verdict.scope.name, "", "", [result_of(verdict, site, machine="")]


def _site_of(profile: Path, fleet: Fleet | None) -> FleetSite:
    """The site of the fleet whose profile that is, wherever a job had it; else it is called as the file."""
    ends = [site for site in fleet.sites if _is_below(profile, f"{site.key}.toml")] if fleet else []
    found = max(ends, key=lambda site: len(site.key), default=None)
    return found or FleetSite(profile.stem, profile)


def _as_in(fleet: Fleet | None, told: SiteResult) -> SiteResult:
    """By the key that it has in this fleet: a job may have been given a folder of it."""
    found = _site_of(Path(told.profile), fleet)
    is_known = fleet is not None and found in fleet.sites
    return told.model_copy(update={"key": found.key, "group": found.group}) if is_known else told


def _is_below(profile: Path, name: str) -> bool:
    return f"/{profile.as_posix()}".endswith(f"/{name}")


def _without_echoes(results: Sequence[SiteResult], fleet: Fleet | None) -> Iterator[SiteResult]:
    """A part of a fleet that did not ask a site, while another part did, says nothing of it. Two folders may
    have sites of one key, so where the fleet is not known it is the same profile, too."""
    known = {site.key for site in fleet.sites} if fleet else set()

    def which(one: SiteResult) -> tuple[str, str]:
        return one.key, "" if one.key in known else one.profile

    asked = {which(one) for one in results if one.began}
    return (one for one in results if one.began or which(one) not in asked)


def _missing(found: Sequence[SiteResult], fleet: Fleet) -> Iterator[SiteResult]:
    """What nobody told of: a job that died leaves no verdict."""
    keys = {one.key for one in found}
    return (unasked(site, _NO_VERDICT) for site in fleet.sites if site.key not in keys)
