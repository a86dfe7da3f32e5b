"""What a launch changed in a guest: the golden snapshot's clone held against the VM of a session.

Nothing of it is a fault by itself: a controller may write identity, addresses, a proxy, agent and unit.
"""

from __future__ import annotations

import difflib
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.guest.facts import Carried, Facts
from harness.infra.environment import without_environment
from harness.redact import MASK
from harness.site.profile import Site
from harness.text import beginning

_CODE = frozenset({".js", ".cjs", ".mjs", ".ts", ".cts", ".mts", ".json", ".service", ".conf"})
"""Files whose text is shown. Others, as those of settings, may be nothing but secrets."""
_LARGEST_SHOWN = 64 << 10
_MOST_LINES = 200
_LONGEST_VALUE = 300
_TOKEN = re.compile(r"(?=[\w+/=~-]*\d)(?=[\w+/=~-]*[A-Za-z])[\w+/=~-]{24,}", re.ASCII)
_TELLS = re.compile(
    r"""((?:key|secret|token|passw?o?r?d?|auth|credential|dsn|private)\w*['"]?\s*[:=]\s*)(['"`])[^'"`\n]{4,}\2""",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Difference:
    """What the second guest has otherwise than the first."""

    files: Mapping[str, str]
    """Files of the agent and its unit, and node: path -> how they differ."""
    diffs: tuple[str, ...]
    """The texts among them, as unified diffs without what may be secret."""
    modules: bool
    """Whether what lies in the agent's node_modules differs."""
    other: tuple[str, ...]
    """A line for each other thing: settings of the unit, packages, kernel, boot, the desktop."""

    def __bool__(self) -> bool:
        return bool(self.files or self.modules or self.other)

    @property
    def lines(self) -> list[str]:
        """A line for each thing that differs."""
        modules = ["the agent's node_modules hold other files"] if self.modules else []
        return [*(f"{path} {how}" for path, how in self.files.items()), *modules, *self.other]

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join([*self.lines, "", *self.diffs]).strip() + "\n"


def difference(golden: Facts, session: Facts, site: Site) -> Difference:
    """What a session's VM has otherwise than the golden snapshot's clone."""
    changed = dict(_changed(golden.files, session.files))
    return Difference(
        files=changed,
        diffs=tuple(_diff(path, golden, session, site) for path in changed if _is_shown(path)),
        modules=golden.modules != session.modules,
        other=tuple(_other(golden, session)),
    )


def _changed(golden: Mapping[str, str], session: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for path in sorted({*golden, *session}):
        before, after = golden.get(path), session.get(path)
        if before is None:
            yield path, "was added"
        elif after is None:
            yield path, "is not there any more"
        elif before != after:
            yield (
                path,
                f"is another: {_short(before)} in the golden snapshot, {_short(after)} in the session's VM",
            )


def _apart(golden: str | None, session: str | None) -> str:
    return f"{_value(golden)} in the golden snapshot, {_value(session)} in the session's VM"


def _other(golden: Facts, session: Facts) -> Iterator[str]:
    yield from _values("of the unit", golden.settings, session.settings)
    yield from _values("of the package", golden.packages, session.packages)
    yield from _values("of", golden.desktop, session.desktop)
    for called, before, after in (
        ("kernel", golden.kernel, session.kernel),
        ("the kernel's command line", golden.cmdline, session.cmdline),
    ):
        if before != after:
            yield f"{called}: {_apart(before, after)}"


def _values(whose: str, golden: Mapping[str, str], session: Mapping[str, str]) -> Iterator[str]:
    for name in sorted({*golden, *session}):
        before, after = golden.get(name), session.get(name)
        if before != after:
            yield f"{whose} {name}: {_apart(before, after)}"


def _value(value: str | None) -> str:
    return "nothing" if value is None else beginning(without_secrets(value), _LONGEST_VALUE)


def _short(told: str) -> str:
    return told if told.startswith(("link:", "size:")) else f"sha256 {told.removeprefix('sample:')[:12]}"


def _is_shown(path: str) -> bool:
    return posixpath.splitext(path)[1] in _CODE


def _diff(path: str, golden: Facts, session: Facts, site: Site) -> str:
    before, after = (_text(facts.carried, path, site) for facts in (golden, session))
    if before is None or after is None:
        return f"--- {path}: its text is not shown"
    lines = difflib.unified_diff(
        before.splitlines(),
        after.splitlines(),
        f"golden snapshot: {path}",
        f"session's VM: {path}",
        lineterm="",
    )
    shown = [beginning(without_secrets(line), _LONGEST_VALUE) for line in lines]
    more = [f"… and {len(shown) - _MOST_LINES} lines more"] if len(shown) > _MOST_LINES else []
    return "\n".join([*shown[:_MOST_LINES], *more])


def _text(carried: Mapping[str, Carried] | None, path: str, site: Site) -> str | None:
    """The text of a file, empty for one that is not there; None where it cannot be shown."""
    if carried is None:
        return None
    if path not in carried:
        return ""
    text = carried[path].text
    if text is None or len(text) > _LARGEST_SHOWN:
        return None
    return without_environment(site)(text) if path.endswith((".service", ".conf")) else text


def without_secrets(line: str) -> str:
    """A line of a program or of settings without what may be a secret in it, known to us or not."""
    return _TOKEN.sub(MASK, _TELLS.sub(rf"\1\2{MASK}\2", line))
