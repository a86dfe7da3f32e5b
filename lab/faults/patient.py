"""The lab as a fault sees it: a root shell on the host, the database's owner, and the site profile."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tomli_w

from harness.run import Result
from harness.site.load import load_site
from harness.site.profile import Site
from lab.minipc import access, twin
from lab.paths import LabPaths

SETTLE_S = 1.5  # a fault stays as it is: nothing settles, however long one looks
WINDOW_SHARE = 1 / 3  # and what a window does not show by then, it never does: few VMs run beside it here


class Patient:
    """The running lab. ``site`` is the profile to judge it by: a copy that a fault may change.

    :param folder: an empty folder for the profile and whatever a fault needs; its owner removes it.
    """

    def __init__(self, paths: LabPaths, folder: Path) -> None:
        self.paths = paths
        self.folder = folder
        self.site = folder / "site.toml"
        self.options: list[str] = []
        """What else the suite is started with."""
        shutil.copy(paths.site, self.site)
        window_s = self.settings.session.window_s * WINDOW_SHARE
        self._change(host={"settle_s": SETTLE_S}, session={"window_s": window_s})

    def host(self, script: str, *, timeout_s: float = 60) -> Result:
        """Run a shell script as root on the host; a non-zero status raises."""
        return access.ask(twin.running(self.paths), "sh", "-euc", script, timeout_s=timeout_s)

    def sql(self, statement: str, *, database: str = "postgres") -> str:
        """Run SQL as the database's owner; what it printed, unaligned."""
        psql = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", statement]
        words = ["runuser", "-u", "postgres", "--", *psql]
        return access.ask(twin.running(self.paths), *words).stdout

    @contextmanager
    def rows(self, *, insert: str, remove: str) -> Iterator[None]:
        """SQL that breaks the tables, and SQL that heals them."""
        try:
            self.sql(insert)
            yield
        finally:
            self.sql(remove)

    @contextmanager
    def on_host(self, *, do: str, undo: str) -> Iterator[None]:
        """A script that breaks the host, and one that heals it."""
        try:
            self.host(do)
            yield
        finally:
            self.host(undo)

    @contextmanager
    def profile(self, **sections: dict[str, Any]) -> Iterator[None]:
        """A profile with some fields changed: ``profile(snapshot={"disk": "/…"})``."""
        before = self.site.read_bytes()
        try:
            self._change(**sections)
            yield
        finally:
            self.site.write_bytes(before)

    @property
    def settings(self) -> Site:
        """The profile as it is now."""
        return load_site(self.site)

    def _change(self, **sections: dict[str, Any]) -> None:
        table = tomllib.loads(self.site.read_text("utf-8"))
        for section, fields in sections.items():
            table.setdefault(section, {}).update(fields)
        self.site.write_text(tomli_w.dumps(table), "utf-8")
