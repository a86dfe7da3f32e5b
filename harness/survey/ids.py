"""How a deployment names its VMs: the pattern that some of their ids have in common."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_PARTS = re.compile(rf"(?P<uuid>{_UUID})|(?P<hex>(?<![0-9a-z])[0-9a-f]*[0-9][0-9a-f]*(?![0-9a-z]))", re.ASCII)
_MOST_SHAPES = 3
_WORD = re.compile(r"[A-Za-z0-9_.-]+", re.ASCII)
_SHORTEST_HEX = 6
_SUFFIXES = (".sock", ".socket")


def shape_of(vm_id: str) -> str | None:
    """The pattern of ids like this one: what counts up or was drawn is left open, all else is as it is.

    None where nothing in it tells one VM from another: that is no id.
    """
    if not _WORD.fullmatch(vm_id):
        return None
    parts, end, varies = "", 0, False
    for match in _PARTS.finditer(vm_id):
        drawn = match["hex"]
        parts += re.escape(vm_id[end : match.start()]).replace(r"\-", "-")
        end, varies = match.end(), True
        if drawn is None:
            parts += _UUID
        elif len(drawn) >= _SHORTEST_HEX:
            parts += f"[0-9a-f]{{{len(drawn)}}}"
        else:
            parts += "[0-9]+" if drawn.isdigit() else "[0-9a-f]+"
    return parts + re.escape(vm_id[end:]).replace(r"\-", "-") if varies else None


def pattern_of(ids: Iterable[str]) -> str | None:
    """One pattern for all of them; None where they are of more kinds than a deployment has, or of none."""
    shapes = {shape_of(one) for one in ids}
    if not shapes or None in shapes or len(shapes) > _MOST_SHAPES:
        return None
    return "|".join(sorted(one for one in shapes if one))


def id_in(path: str, ids: Iterable[str]) -> tuple[str, str] | None:
    """The folder above the first part of a path that names one of these VMs, and which."""
    known = sorted(ids, key=len, reverse=True)
    parts = PurePosixPath(path).parts
    for place, part in enumerate(parts):
        for one in known:
            if part.startswith(one):
                return str(PurePosixPath(*parts[:place])), one
    return None


def named_in(word: str) -> bool:
    """Whether a word has a part that was drawn, as an id has: it is one VM's, or may be."""
    return any(match["uuid"] or len(match["hex"]) >= _SHORTEST_HEX for match in _PARTS.finditer(word))


def named_by(socket: str) -> Iterable[str]:
    """What of the path of an API's socket may be a VM's id: its name, and its folders, innermost first.

    A folder is one where it was drawn: others count, too, as of users and of releases.
    """
    path = PurePosixPath(socket)
    name = next((path.name.removesuffix(one) for one in _SUFFIXES if path.name.endswith(one)), path.name)
    return [name, *(one.name for one in path.parents if named_in(one.name))]
