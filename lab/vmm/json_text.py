"""JSON from outside, read whole or refused in Firecracker's words: the one place where it is read."""

import re
from json import loads
from typing import Any, TypeVar

from msgspec import ValidationError, json

from lab.vmm.faults import Fault
from lab.vmm.json_words import of_malformed, of_mismatch

T = TypeVar("T")

MAX_DEPTH = 127
"""Of lists and objects in one another: where Firecracker's own reader stops."""
_STEPS = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
REFUSED = "An error occurred when deserializing the json body of a request: "


def decode(body: bytes, shape: type[T]) -> T:
    """``body`` as ``shape``, or a Fault worded as Firecracker words it. A field given twice is refused."""
    found: T = _read(body, shape)
    _refuse_twice_given(body)
    return found


def decode_any(body: bytes) -> Any:
    """``body`` as whatever it is; of a key that is given twice the last one counts, as in Firecracker."""
    return _read(body, Any)


def _read(body: bytes, shape: Any) -> Any:
    if _depth(body) > MAX_DEPTH:
        raise _refused("recursion limit exceeded")
    try:
        return json.decode(body, type=shape)
    except ValidationError as error:
        if "missing required" in str(error):  # which is seen at the end, when all else has been read
            _refuse_twice_given(body)
        raise _refused(of_mismatch(str(error), body, shape)) from None
    except ValueError as error:  # no JSON, or no UTF-8
        raise _refused(of_malformed(str(error), body)) from None


def _refuse_twice_given(body: bytes) -> None:
    try:
        loads(body, object_pairs_hook=_once, parse_int=str)
    except ValueError as error:
        raise _refused(str(error)) from None


def _depth(body: bytes) -> int:
    depth = deepest = 0
    for step in _STEPS.finditer(body):
        first = body[step.start()]
        depth += (first in b"[{") - (first in b"]}")
        deepest = max(deepest, depth)
    return deepest


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"duplicate field `{name}`")
        found[name] = value
    return found


def _refused(why: str) -> Fault:
    return Fault(f"{REFUSED}{why} at line 1 column 0.")
