"""The checks that a profile calls by name, and which of the names are no check's."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from harness.check_names import unknown_names
from harness.site.profile import Site


def named_checks(site: Site) -> Mapping[str, Collection[str]]:
    """Field of the profile -> the names in it, where there are any."""
    named = {
        "not_applicable": [*site.not_applicable],
        "waivers": [one.check for one in site.waivers],
        "advisory": site.advisory,
    }
    return {field: names for field, names in named.items() if names}


def unknown_checks(site: Site, declared: Collection[str], *folders: Path) -> dict[str, list[str]]:
    """Field of the profile -> the names in it that no check has, where there are any.

    :param folders: those of all checks.
    """
    named = named_checks(site)
    unknown = {field: unknown_names(names, declared, *folders) for field, names in named.items()}
    return {field: names for field, names in unknown.items() if names}
