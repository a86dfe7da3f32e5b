"""What Firecracker says of JSON that is not as it should be: the words of serde, the reader that it uses."""

import re
from json import dumps, loads
from typing import Any

from msgspec import inspect

STRUCTS = {
    "MachineConfigPatch": "MachineConfigUpdate",
    "BootSource": "BootSourceConfig",
    "Drive": "BlockDeviceConfig",
    "DrivePatch": "BlockDeviceUpdateConfig",
    "NetworkInterface": "NetworkInterfaceConfig",
    "NetworkInterfacePatch": "NetworkInterfaceUpdateConfig",
    "Entropy": "EntropyDeviceConfig",
    "Logger": "LoggerConfig",
    "Metrics": "MetricsConfig",
    "Action": "ActionBody",
    "VmState": "Vm",
    "SnapshotCreate": "CreateSnapshotParams",
    "SnapshotLoad": "LoadSnapshotConfig",
    "RateLimiter": "RateLimiterConfig",
    "MemoryBackend": "MemBackendConfig",
}
"""Firecracker's names for our bodies, where they differ: it tells them to its clients."""
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+("?)', re.DOTALL)
_STEP = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[{}\],:]|[^\s"\[{}\],:]+', re.DOTALL)
_WHERE = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")
_BYTE = re.compile(r"\(byte (\d+)\)")
_MALFORMED = {
    "object keys must be strings": "key must be a string",
    "trailing comma": "trailing comma",
    "invalid number": "invalid number",
    "trailing characters": "trailing characters",
}


def of_malformed(text: str, body: bytes) -> str:
    """Of what is no JSON; ``text`` is the reader's own complaint."""
    if "truncated" in text:
        return f"EOF while parsing {_unfinished(body)}"
    for ours, theirs in _MALFORMED.items():
        if ours in text:
            return theirs
    place = _BYTE.search(text)
    if place and any(found.start() < int(place[1]) < found.end() for found in _STRING.finditer(body)):
        return "control character (\\u0000-\\u001F) found while parsing a string"
    return "expected value"


def of_mismatch(text: str, body: bytes, shape: Any) -> str:
    """Of JSON of another shape; ``text`` is the reader's own complaint, with the place in the body."""
    what, _, at = text.partition(" - at `")
    where = _WHERE.findall(at.removesuffix("`"))
    kind = _wanted(inspect.type_info(shape), where)
    if what.startswith("Object missing required field"):
        return what.replace("Object missing required", "missing")
    if what.startswith("Object contains unknown field"):
        fields = [field.encode_name for field in kind.fields]
        return f"{what.removeprefix('Object contains ')}, expected {_one_of(fields)}"
    try:
        value = _given(loads(body), where)
    except (ValueError, LookupError, RecursionError):  # it ends early, or is too much: further on
        return what
    if isinstance(kind, inspect.LiteralType):
        words = [str(word) for word in kind.values]
        is_word = isinstance(value, str)
        return f"unknown variant `{value}`, expected {_one_of(words)}" if is_word else "expected value"
    if isinstance(value, int) and not isinstance(value, bool) and _name(kind)[:1] in "ui":
        return f"invalid value: integer `{value}`, expected {_name(kind)}"
    if isinstance(value, str) and _plain(kind) is inspect.StrType:
        return what
    return f"invalid type: {_shown(value)}, expected {_name(kind)}" if what.startswith("Expected") else what


def _wanted(kind: Any, where: list[tuple[str, str]]) -> Any:
    """What should have been there: along a path such as ``$.drives[0].drive_id``."""
    for name, _ in where:
        kind = _without_null(kind)
        fields = {field.encode_name: field.type for field in kind.fields} if name else {}
        kind = fields[name] if name else kind.item_type
    return _without_null(kind)


def _given(value: Any, where: list[tuple[str, str]]) -> Any:
    for name, index in where:
        value = value[name] if name else value[int(index)]
    return value


def _without_null(kind: Any) -> Any:
    if isinstance(kind, inspect.UnionType):
        return next(one for one in kind.types if not isinstance(one, inspect.NoneType))
    return kind


def _plain(kind: Any) -> Any:
    return type(kind.type if isinstance(kind, inspect.Metadata) else kind)


def _name(kind: Any) -> str:
    """A type's name, as Firecracker tells it."""
    if isinstance(kind, inspect.Metadata):
        return str((kind.extra_json_schema or {}).get("title") or _name(kind.type))
    if isinstance(kind, inspect.StructType):
        return f"struct {STRUCTS.get(kind.cls.__name__, kind.cls.__name__)}"
    names: dict[type, str] = {
        inspect.BoolType: "a boolean",
        inspect.StrType: "a string",
        inspect.ListType: "a sequence",
    }
    return names.get(type(kind), "a map")


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return f"boolean `{str(value).lower()}`"
    if isinstance(value, int):
        return f"integer `{value}`"
    if isinstance(value, float):
        return f"floating point `{value}`"
    if isinstance(value, str):
        return f"string {dumps(value, ensure_ascii=False)}"
    return "sequence" if isinstance(value, list) else "map"


def _one_of(words: list[str]) -> str:
    quoted = [f"`{word}`" for word in words]
    return " or ".join(quoted) if len(quoted) < 3 else f"one of {', '.join(quoted)}"


def _unfinished(body: bytes) -> str:
    """What a text that ends early was in the middle of."""
    opened: list[bytes] = []
    last = b""
    for step in _STEP.finditer(body):
        last = step[0]
        if last in b"[{":
            opened.append(last)
        elif last in b"]}" and opened:
            opened.pop()
    if last.startswith(b'"') and (len(last) == 1 or not last.endswith(b'"')):
        return "a string"
    if not opened or last in b",:":
        return "a value"
    return "an object" if opened[-1] == b"{" else "a list"
