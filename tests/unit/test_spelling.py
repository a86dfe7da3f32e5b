"""A secret is cut out however it is spelled; what is no secret stays, and long texts take no longer."""

from __future__ import annotations

import base64
import html
import json
import shlex
import time
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness import redact
from harness.outward import told
from harness.redact import MASK

Spelling = Callable[[str], str]


def percent(text: str) -> str:
    """Percent-encoded, what need not be, too."""
    return "".join(f"%{byte:02x}" for byte in text.encode())


def lower_percent(text: str) -> str:
    """Percent-encoded, in lower case."""
    return "".join(c if c.isalnum() and c.isascii() else percent(c) for c in text)


def dollar_quoted(text: str) -> str:
    """As ``printf %q`` writes what cannot be shown."""
    return "$'" + "".join(f"\\{byte:03o}" for byte in text.encode()) + "'"


def backslashed(text: str) -> str:
    """As ``printf %q`` writes what can."""
    return "".join(c if c.isalnum() else f"\\{c}" for c in text)


def coded(encode: Callable[[bytes], bytes], before: int) -> Spelling:
    """In the midst of what was encoded together."""
    return lambda text: encode(b"x" * before + text.encode() + b"yz").decode()


def within(outer: Spelling, inner: Spelling) -> Spelling:
    """One written by the other."""
    return lambda text: outer(inner(text))


WRITTEN: dict[str, Spelling] = {
    "as it is": str,
    "URL": lambda text: quote(text, safe=""),
    "URL, lower case": lower_percent,
    "URL, slashes kept": quote,
    "URL, all": percent,
    "form": quote_plus,
    "JSON": json.dumps,
    "JSON in UTF-8": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON, slashes escaped": lambda text: json.dumps(text).replace("/", "\\/"),
    "JSON for HTML": lambda text: json.dumps(text).replace("&", "\\u0026").replace("<", "\\u003c"),
    "repr": repr,
    "ascii": ascii,
    "bytes": lambda text: repr(text.encode()),
    "shell": shlex.quote,
    "shell, $''": dollar_quoted,
    "shell, backslashes": backslashed,
    "HTML": html.escape,
    "HTML, numbers": lambda text: "".join(f"&#{ord(c)};" for c in text),
    "HTML, hexadecimal": lambda text: "".join(f"&#x{ord(c):X};" for c in text),
}
"""What can be written within another."""
CODED: dict[str, Spelling] = {
    "hexadecimal": lambda text: text.encode().hex(),
    "HEXADECIMAL": lambda text: text.encode().hex().upper(),
    **{f"base64 at {n}": coded(base64.b64encode, n) for n in range(3)},
    **{f"base64url at {n}": coded(base64.urlsafe_b64encode, n) for n in range(3)},
    "base64, bare": lambda text: base64.b64encode(text.encode()).decode().rstrip("="),
    "base64, wrapped": lambda text: base64.encodebytes(text.encode() * 3).decode(),
}
SPELLINGS = WRITTEN | CODED
TWICE = {
    f"{outer} of {inner}": within(SPELLINGS[outer], SPELLINGS[inner])
    for outer in WRITTEN
    for inner in SPELLINGS
    if "as it is" not in (outer, inner)
}

SECRETS = [
    "c0rrect-horse-battery",
    "pässwörd/日本🙂+plus",
    "a%41b&amp;c\\n\"d'e$(f)`g`",
    "q'q'q\"q\"q q  q",
    "back\\slash\\\\and\\\"'quote",
    "%25%25%2525&&;;++  ==",
    "tab\tand space",
    "AbCd+/=-_AbCd+/==",
    "two lines of it\nand more",
]
LETTERS = "abcXYZ019 ~!@#$%^&*()_+-=[]{};:,.<>/?|\\\"'`\täßéñ日本語🙂\u0301"
secrets = (
    st.text(LETTERS, min_size=8, max_size=40)
    .filter(lambda text: text == text.strip() and len(set(text)) > 4)
    .filter(lambda text: ".." not in text)
)


@pytest.fixture(autouse=True)
def _known(forgetful: None) -> None:
    """Forget."""


def left_of(spelled: str, secret: str) -> str:
    """What is left of a secret in a text, beside the mask and the text itself."""
    redact._known.clear()
    redact.remember(secret)
    cut = told(f"before {spelled} after")
    assert MASK in cut, cut
    assert cut.startswith("before ")
    assert cut.endswith(" after")
    return cut.removeprefix("before ").removesuffix(" after").replace(MASK, "")


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_every_spelling_is_cut(spell: Spelling, secret: str) -> None:
    """But for what quotes it, and for what was encoded with it."""
    assert len(left_of(spell(secret), secret)) <= 8


@pytest.mark.parametrize("secret", SECRETS)
def test_a_spelling_within_another_is_cut(secret: str) -> None:
    left = {name: left_of(spell(secret), secret) for name, spell in TWICE.items()}
    assert {name: text for name, text in left.items() if len(text) > 60} == {}


@given(secret=secrets, name=st.sampled_from(sorted(SPELLINGS)))
def test_any_secret_is_cut_in_any_spelling(secret: str, name: str) -> None:
    assert len(left_of(SPELLINGS[name](secret), secret)) <= 8


@given(secret=secrets, name=st.sampled_from(sorted(TWICE)))
def test_any_secret_is_cut_within_another(secret: str, name: str) -> None:
    assert len(left_of(TWICE[name](secret), secret)) <= 60


@given(st.text())
@example("%41%42 \\u0041 &amp; a+b 'it'\"'\"'s'\nline…... ‹secret›")
def test_what_holds_no_secret_stays(text: str) -> None:
    redact.remember("n0t-to-be-found-by-chance")
    redact.remember("with spaces, n0t to be found")
    assert redact.redact(text) is text
    assert redact.redact_bytes(text.encode("utf-16")) == text.encode("utf-16")


PIECES = (
    *("s3cret-w0rd", "secret", "s3cret%2Dw0rd", "s3cre...", "…w0rd", "-w0rd", MASK, "‹", "›", "\\", '"', "'"),
    *(
        "?code=",
        "&state=",
        '"password": "',
        "://u:p@h",
        "%",
        "&amp;",
        "\n",
        "+",
        " ",
        "\x1b[31m",
        "\udcff",
        "ä",
    ),
)


@given(st.lists(st.sampled_from(PIECES)).map("".join))
@example('"password": "›\\\n\\"')
def test_to_tell_it_again_changes_nothing(text: str) -> None:
    redact.remember("s3cret-w0rd")
    redact.remember("secret")
    once = told(text)
    assert told(once) == once
    assert "s3cret-w0rd" not in once


@pytest.mark.parametrize(
    "raw", [b"\xff s3cret-w0rd \xfe", b"\x89PNG\x00s3cret%2Dw0rd", "ä s3cret-w0rd".encode("latin-1")]
)
def test_bytes_of_any_encoding_stay_but_for_secrets(raw: bytes) -> None:
    redact.remember("s3cret-w0rd")
    cut = redact.redact_bytes(raw)
    assert MASK.encode() in cut
    assert b"w0rd" not in cut
    assert cut[0] == raw[0]


def test_a_secret_of_odd_bytes_is_cut_as_text_and_as_bytes() -> None:
    """As an environment variable has it."""
    redact.remember("pass\udcff\udcfeword")
    assert redact.redact("a pass\udcff\udcfeword b") == f"a {MASK} b"
    assert redact.redact("a pass%FF%feword b") == f"a {MASK} b"
    assert redact.redact_bytes(b"\xe4 pass\xff\xfeword b") == b"\xe4 " + MASK.encode() + b" b"


def test_a_secret_of_odd_bytes_may_be_half_of_a_character() -> None:
    redact.remember("pass\udcc3")
    assert redact.redact("a passä b").startswith(f"a {MASK}")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("'x c0rrect-hor...-battery y'", f"'x {MASK}...{MASK} y'"),
        ("c0rrect-horse-…", f"{MASK}…"),
        ("c0rrect-…", f"{MASK}…"),
        ("…horse-battery", f"…{MASK}"),
        ("......horse-battery", f"......{MASK}"),
        ("c0rre...", "c0rre..."),
        ("c0rrect-hen...", "c0rrect-hen..."),
        ("%630rrect-hor...", f"{MASK}..."),
    ],
)
def test_what_was_shortened_is_cut(text: str, left: str) -> None:
    redact.remember("c0rrect-horse-battery")
    assert redact.redact(text) == left


KEY = """-----BEGIN KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ
QyNTUxOQAAACDrest==
ab==
-----END KEY-----
"""


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        (KEY, ["b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ", "QyNTUxOQAAACDrest=="]),
        (KEY, [KEY.strip(), KEY.strip().replace("\n", "\\n")]),
        ("postgresql://u:p@ss/w?rd#1@h:5432/d", ["p@ss/w?rd#1", "p%40ss%2Fw%3Frd%231"]),
        ("postgresql://h/d?user=u&password=p4ss%20word", ["p4ss word", "p4ss%20word", "p4ss+word"]),
        (r"host=h password='p4\'s \\word' user=u", [r"p4's \word", r"p4\'s \\word"]),
    ],
    ids=("lines", "whole", "URL", "query", "keywords"),
)
def test_what_a_secret_holds_is_secret(secret: str, shown: list[str]) -> None:
    redact.remember(secret)
    assert [redact.redact(f"before {text} after") for text in shown] == [f"before {MASK} after"] * len(shown)


def test_what_frames_a_key_is_none() -> None:
    redact.remember(KEY)
    assert redact.redact("-----BEGIN KEY-----") == "-----BEGIN KEY-----"


LONG = {
    "backslashes": "\\",
    "quotes": '\\"',
    "percent": "%25",
    "ampersands": "&amp;",
    "shell quotes": "'\"'\"'",
    "dots": "...",
    "lines": "a line of text that holds nothing\n",
    "spaces": " ",
    "seeds of a secret": "aaaaaa",
    "tokens that do not end": '"id_token": "\\',
    "tokens that do not begin": "?code=",
    "URLs that do not end": "://a:",
    "names that go on": "'password'   ",
    "all": "%41\\u0041&amp;\n+\\xff",
}


@pytest.mark.parametrize("piece", LONG.values(), ids=LONG.keys())
def test_costs_are_linear(piece: str) -> None:
    """Ten times the text takes ten times as long, and not a hundred times."""
    redact.remember("a" * 40 + "b")
    redact.remember("\\" * 40 + "b")

    def takes_s(size: int) -> float:
        text = (piece * (size // len(piece) + 1))[:size]
        began = time.process_time()
        redact.redact(text)
        return time.process_time() - began

    short_s = min(takes_s(10_000) for _ in range(3))
    assert takes_s(100_000) < 40 * short_s + 0.5
