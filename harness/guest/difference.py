"""What a launch changed in a guest: the golden snapshot's clone held against the VM of a session.

Nothing of it is a fault by itself: a controller may write identity, addresses, a proxy, agent and unit.
"""

from __future__ import annotations

import difflib
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from harness.guest.facts import Carried, Facts
from harness.infra.environment import without_environment
from harness.infra.secret_values import without_secrets
from harness.site.profile import Site
from harness.text import beginning

_CODE = frozenset({".js", ".cjs", ".mjs", ".ts", ".cts", ".mts", ".json", ".service", ".conf"})
"""Files whose text is shown. Others, as those of settings, may be nothing but secrets."""
_LARGEST_SHOWN = 64 << 10
_MOST_LINES = 200
_LONGEST_VALUE = 300
_AROUND = 3


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
        files={**dict(_access(golden, session)), **changed},
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


def _access(golden: Facts, session: Facts) -> Iterator[tuple[str, str]]:
    """Who may do what with a file: an agent that may not read its settings any more has the same files."""
    before, after = golden.carried or {}, session.carried or {}
    for path in sorted(before.keys() & after.keys()):
        was, now = before[path].access, after[path].access
        if was != now:
            yield path, f"has another mode or owner: {was} in the golden snapshot, {now} in the session's VM"


def _apart(golden: str | None, session: str | None) -> str:
    before, after = _value(golden), _value(session)
    if before == after:
        return f"{before} in both, and what is not shown of it is another"
    return f"{before} in the golden snapshot, {after} in the session's VM"


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
    shown = [f"--- golden snapshot: {path}", f"+++ session's VM: {path}"]
    hunks = [beginning(line, _LONGEST_VALUE) for line in _compared(_lines(before), _lines(after))]
    shown += hunks or ["what is not shown of it is another"]
    more = [f"… and {len(shown) - _MOST_LINES} lines more"] if len(shown) > _MOST_LINES else []
    return "\n".join([*shown[:_MOST_LINES], *more])


@dataclass(frozen=True)
class _Line:
    """A line that is compared as it is, and shown without what may be secret in it."""

    text: str
    shown: str = field(compare=False)


def _lines(text: str) -> list[_Line]:
    lines = text.removesuffix("\n").split("\n") if text else []
    shown = without_secrets("\n".join(lines)).split("\n")
    return [_Line(*pair) for pair in zip(lines, shown, strict=False)]


def _compared(before: list[_Line], after: list[_Line]) -> Iterator[str]:
    """The hunks of a unified diff: a line with another secret is seen to be another."""
    for group in difflib.SequenceMatcher(None, before, after).get_grouped_opcodes(_AROUND):
        yield f"@@ -{_span(group[0][1], group[-1][2])} +{_span(group[0][3], group[-1][4])} @@"
        for tag, first, last, others, end in group:
            if tag == "equal":
                yield from (f" {line.shown}" for line in before[first:last])
                continue
            yield from (f"-{line.shown}" for line in before[first:last])
            yield from (f"+{line.shown}" for line in after[others:end])


def _span(first: int, end: int) -> str:
    """Where lines are, as a hunk's head tells it."""
    count = end - first
    return f"{first + bool(count)}" if count == 1 else f"{first + bool(count)},{count}"


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
