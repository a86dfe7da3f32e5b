"""A text of a guest without the values whose keys look like those of secrets: a program's, or of settings.

Nobody knows such a value beforehand, and a short word can be one: so it goes by its key alone, and in doubt
more is hidden than is secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from harness.redact import MASK

_PARTS = ("passw", "passphrase", "secret", "token", "credential", "authoriz")
"""Of a key, anywhere in it."""
_ENDS = ("key", "keys", "pw", "pwd", "pass", "auth", "jwt", "dsn", "cookie", "cookies")
"""Of a word of a key: ``apikey`` and ``db_pw``, but no ``author``."""
_WORDS = frozenset({"private", "bearer", "cred", "creds", "pin", "otp", "salt"})
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_KEY = re.compile(
    r"""(?<![\w$.-])(?P<key>[\w$-][\w$.-]*+)
    (?: ['"`\]]*+ \s*+
        (?: [=!]==? | [?|&]{0,2}=(?!>) | =>(?=\s*['"`]) | [?!]?:=? | (?P<call>\()(?=\s*['"`]) ) \s*+
      | ['"`] \s*+ , \s*+ (?=['"`])
      | (?P<flag>\s++) )""",
    re.VERBOSE,
)
"""What may be a key, and what leads from it to its value: an assignment, a comparison, JSON's colon, a call's
bracket, the comma of a header, a blank."""
_SCHEME = r"(?:basic|bearer|digest|negotiate)"
_BEHIND_BLANK = re.compile(
    rf"""(?: (?P<quote>['"]) .*? (?: (?P=quote) | $ )
      | (?! (?: in|of|is|as|to|on|or|by|at|and|not|for|from|with|was|has|are|must|may|can|if|that
            |instanceof|extends|implements ) \b )
        (?! (?: https?|grpcs?|unix ) : [^\s@?]*+ (?: \s|$ ) )  # as of proxy_pass
        (?! [(){{}}[\],;:=<>] ) (?= \S*\w ) (?: {_SCHEME} \s++ (?=\S) )? \S+? (?= ;? (?: \s|$ ) ) )""",
    re.VERBOSE | re.IGNORECASE,
)
"""What may be a value behind a key and a blank, as in nginx's settings and in ``.netrc``: one word, and none
of those that code and sentences have there."""
_UNEXPECTED = "nexpected "
"""With ``token`` behind it, it is how node says what it cannot parse."""
_NO_KEY = "private"
"""Before a blank, it is TypeScript's, and a name follows that is none of a secret's."""
_ELEMENT = re.compile(r"<(?P<key>[\w:.-]++)(?:\s[^<>]*+)?>(?P<value>[^<]*+)(?P<end></(?P=key)\s*+>)?")
_SCHEME_ALONE = re.compile(rf"\s*{_SCHEME}\s*", re.IGNORECASE)
_NUMBERED = r"(?: {4}[> ][ \d]{4}\d  )?"
"""What a line of the agent's source has before it."""
_INDENTATION = re.compile(rf"{_NUMBERED}\s*")
_KEYS_INDENTATION = re.compile(rf"{_NUMBERED}\s*(?:-\s+)*")
_QUOTED = re.compile(r"""(['"`])((?:[^\\]|\\.)*?)\1(?=\s*+(?:$|[,;)\]}]|//|[\w.-]+=))""")
_UNQUOTED = re.compile(r".+?(?=(?<!\s)\s++[\w.-]++=|$)")
_BRACKET_OR_TEXT = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`|[\[\](){}]""")
_FUNCTION = re.compile(r"\s*(?:async\s+)?(?:function\b|class\b|(?:\([^()]*\)|[\w$]+)\s*=>)")
_GOES_ON = re.compile(r"(?:^|[+?:|&.\\]|\s=)\s*$")
_WENT_ON = re.compile(r"\s*(?:[+?:.]|\|\||&&)")
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY")
_RUN = re.compile(r"[\w+/=~-]{24,}", re.ASCII)


@dataclass(frozen=True)
class _Open:
    """A value that is not at its end with its line, or may not be."""

    ends: Callable[[str], bool]
    """Whether it is with this line."""
    goes_on: Callable[[str], bool] = lambda _: True
    """Whether this line is of it at all."""


def without_secrets(text: str) -> str:
    """A text without what may be a secret in it, known to us or not. Line by line it stays what it was."""
    shown: list[str] = []
    value: _Open | None = None
    for line in text.split("\n"):
        if value and value.goes_on(line):
            shown.append(_hidden(line))
            value = None if value.ends(line) else value
        else:
            told, value = _masked(line)
            shown.append(_RUN.sub(_without_token, told))
    return "\n".join(shown)


def is_telling(key: str) -> bool:
    """Whether a key looks as if its value were a secret."""
    lower = key.lower()
    words = [word.lower() for word in _WORD.findall(key)]
    return any(part in lower for part in _PARTS) or any(
        word.endswith(_ENDS) or word in _WORDS for word in words
    )


def _masked(line: str) -> tuple[str, _Open | None]:
    """A line without its secrets, and how what it leaves open ends."""
    line, element = _without_elements(line)
    parts, at, value = list[str](), 0, None
    is_colon = False
    while (match := _next_key(line, at)) is not None:
        begin, is_colon = match.end(), match[0].rstrip().endswith(":")
        value = _value_behind(line, match)
        parts += [line[at:begin], _hidden_value(value)]
        at = begin + len(value)
    is_open = element or _private_key(line)
    if value is None or line[at:].strip():
        return "".join([*parts, line[at:]]), is_open
    if is_colon:
        is_open = is_open or _indented_value(line, value)
    return "".join(parts), is_open or _left_open(value)


def _value_behind(line: str, match: re.Match[str]) -> str:
    at = match.end()
    if match["flag"] is not None and not match["key"].startswith("--"):
        found = _BEHIND_BLANK.match(line, at)
    else:
        found = _QUOTED.match(line, at) or _UNQUOTED.match(line, at)
    return found[0] if found else ""


def _without_elements(line: str) -> tuple[str, _Open | None]:
    """A line without what its XML elements with a telling name hold, and how the last one ends."""
    left_open = ""

    def shown(match: re.Match[str]) -> str:
        nonlocal left_open
        is_whole, key, value = bool(match["end"]), match["key"], match["value"]
        # What has no end is perhaps a type of TypeScript's: `Promise<Token>`.
        begins = match.end() == len(line) and not line[: match.start()].strip()
        if not is_telling(key) or not (is_whole or begins):
            return match[0]
        left_open = "" if is_whole else key
        return match[0].replace(f">{value}", f">{_hidden_value(value)}", 1)

    told = _ELEMENT.sub(shown, line)
    return told, _Open(lambda one: f"</{left_open}" in one) if left_open else None


def _hidden_value(value: str) -> str:
    if whole := _QUOTED.fullmatch(value):
        return f"{whole[1]}{MASK}{whole[1]}" if whole[2] else value
    return MASK if value.strip() else value


def _private_key(line: str) -> _Open | None:
    is_open = _PRIVATE_KEY.search(line) and "-----END" not in line
    return _Open(lambda one: "-----END" in one) if is_open else None


def _next_key(line: str, at: int) -> re.Match[str] | None:
    """The first key behind a place whose value would be a secret."""
    for match in _KEY.finditer(line, at):
        key = match["key"].rpartition(".")[2] if match["call"] else match["key"]
        if is_telling(key) and (
            match["flag"] is None or key.startswith("--") or _is_behind_blank(line, match)
        ):
            return match
    return None


def _is_behind_blank(line: str, match: re.Match[str]) -> bool:
    if match["key"] == _NO_KEY or line.endswith(_UNEXPECTED, 0, match.start()):
        return False
    return _BEHIND_BLANK.match(line, match.end()) is not None


def _indented_value(line: str, value: str) -> _Open | None:
    """How a value behind a colon ends, as YAML has it: with its indentation."""
    plain = value.rstrip()
    if plain.endswith((";", ",")) or plain[:1] in tuple("'\"`") or _FUNCTION.match(value):
        return None
    if _depth(value, 0) != 0:
        return None
    indentation = _KEYS_INDENTATION.match(line)
    is_begun = bool(plain) and not _SCHEME_ALONE.fullmatch(plain) and not _GOES_ON.search(plain)
    return _Open(lambda _: False, goes_on=_Indented(indentation.end() if indentation else 0, is_begun))


class _Indented:
    """Goes on with what lies deeper than its key, or is a list's entry; with the first line anyway, where
    nothing was behind the key."""

    def __init__(self, indentation: int, is_begun: bool) -> None:
        self._indentation = indentation
        self._is_begun = is_begun

    def __call__(self, line: str) -> bool:
        found = _INDENTATION.match(line)
        at = found.end() if found else 0
        is_deeper = at > self._indentation or (at == self._indentation and line.startswith("- ", at))
        if not line[at:]:
            return True
        goes_on = not self._is_begun or is_deeper or bool(_WENT_ON.match(line))
        self._is_begun = not _GOES_ON.search(line)
        return goes_on


def _left_open(value: str) -> _Open | None:
    """How a value that reaches to the end of its line ends, where it does not end there."""
    quote = value[:3] if value[:3] in ("'''", '"""') else value[:1]
    if len(quote) == 3 and quote not in value[3:]:
        return _Open(lambda line: quote in line)
    if quote and quote in "'\"`" and not re.search(rf"(?<!\\){quote}", value[1:]):
        return _Open(lambda line: quote in line)
    if _FUNCTION.match(value):
        return None
    if (depth := _depth(value, 0)) > 0:
        return _Open(_Closing(depth))
    if _GOES_ON.search(value):
        return _Open(lambda line: not _GOES_ON.search(line) and _depth(line, 0) <= 0)
    if value.rstrip().endswith((";", ",")):
        return None
    return _Open(lambda _: False, goes_on=lambda line: bool(_WENT_ON.match(line)))


class _Closing:
    """Ends with the line that closes all brackets."""

    def __init__(self, depth: int) -> None:
        self._depth = depth

    def __call__(self, line: str) -> bool:
        self._depth = _depth(line, self._depth)
        return self._depth <= 0


def _depth(text: str, depth: int) -> int:
    """How many brackets are open behind a text; below zero no more is said of the value."""
    for match in _BRACKET_OR_TEXT.finditer(text):
        if match[0] in "[{(":
            depth += 1
        elif match[0] in "]})":
            depth -= 1
            if depth < 0:
                break
    return depth


def _hidden(line: str) -> str:
    """A line of a value: its indentation, and what closes it."""
    text = line.strip()
    indentation = line[: len(line) - len(line.lstrip())]
    return line if not text.strip("[](){},;'\"`") else f"{indentation}{MASK}"


def _without_token(match: re.Match[str]) -> str:
    run = match[0]
    return MASK if re.search(r"\d", run, re.ASCII) and re.search("[A-Za-z]", run) else run
