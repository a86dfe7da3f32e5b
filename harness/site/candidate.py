"""A site with another snapshot in the golden one's place: one that may become golden."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath

from harness.errors import UsageError
from harness.site.profile import Site

ROLES = ("vmstate", "memory", "disk", "kernel", "initrd", "manifest")
"""What the profile names a file of the snapshot for."""


def candidate_site(site: Site, folder: PurePosixPath) -> Site:
    """The site as it were if the files of that folder, under the golden ones' names, were golden.

    :raises UsageError: that cannot be.
    """
    if not folder.is_absolute():
        raise UsageError(f"{folder}: a candidate's folder is named from the host's root", hint="as in /a/b")
    golden = {role: PurePosixPath(path) for role in ROLES if (path := getattr(site.snapshot, role))}
    twice = [name for name, times in Counter(path.name for path in golden.values()).items() if times > 1]
    if twice:
        raise UsageError(
            f"two files of the golden snapshot are called {twice[0]}: one folder cannot hold both",
            hint="name them apart, on the host and in the profile's snapshot",
        )
    files = {role: str(folder / path.name) for role, path in golden.items()}
    state, copies = site.state, folder.parent
    if state.clones_dir is None and any(map(copies.is_relative_to, state.folders)):
        raise UsageError(
            f"the disks of clones would go into {copies}, where VMs have theirs",
            hint="set state.clones_dir, or put the candidate elsewhere",
        )
    return site.model_copy(update={"snapshot": site.snapshot.model_copy(update=files)})
