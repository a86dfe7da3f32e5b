"""Which site is asked next: the canaries first, no more of a group at once than may be, and when to stop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from harness.fleet.sites import FleetSite

FAILING = ("FAIL", "BROKEN")
"""What stops a rollout. NOT PROVEN does not: what a profile leaves open is so before it and after."""


class Course:
    """The way through a fleet; told when a site begins and ends, it knows what may begin."""

    def __init__(
        self,
        sites: Sequence[FleetSite],
        *,
        limits: Mapping[str, int] | None = None,
        canaries: Collection[FleetSite] = (),
        max_failing: int | None = None,
    ) -> None:
        self.stopped = ""
        """Why no other site begins; empty while they do."""
        self._canaries = {site.key for site in canaries}
        self._waiting = sorted(sites, key=lambda site: site.key not in self._canaries)
        self._under_way: dict[str, FleetSite] = {}
        self._limits = limits or {}
        self._max_failing = max_failing
        self._failing = 0

    @property
    def over(self) -> bool:
        """Whether nothing is under way, and nothing will be."""
        return not self._under_way and (bool(self.stopped) or not self._waiting)

    def begin(self) -> FleetSite | None:
        """The next one, which is under way from now on; None where none may begin now."""
        full = self._full()
        may = (site for site in self._waiting if not self._canaries or site.key in self._canaries)
        found = None if self.stopped else next((site for site in may if site.group not in full), None)
        if found is not None:
            self._waiting.remove(found)
            self._under_way[found.key] = found
        return found

    def end(self, key: str, outcome: str) -> None:
        """A site has come to this."""
        del self._under_way[key]
        failing = outcome in FAILING
        self._failing += failing
        if self.stopped or not failing:
            self._canaries.discard(key)
        elif key in self._canaries:
            self.stopped = f"the canary {key} came to {outcome}"
        elif self._max_failing is not None and self._failing >= self._max_failing:
            self.stopped = f"{self._failing} failing, --max-failing={self._max_failing}"

    def _full(self) -> set[str]:
        """The groups of which no other may be asked now."""
        now = Counter(site.group for site in self._under_way.values())
        return {group for group, limit in self._limits.items() if now[group] >= limit}
