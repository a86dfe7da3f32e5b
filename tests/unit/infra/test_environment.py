"""What a unit sets in its environment: what the profile names is shown, no other value is."""

from __future__ import annotations

import pytest

from harness import redact
from harness.infra.environment import masked, parse_environment, without_environment
from harness.site.profile import Site

pytestmark = pytest.mark.usefixtures("forgetful")
SITE = Site(name="x")


def test_quoted_environment_is_understood() -> None:
    assert parse_environment("A=1 \"B=two words\" C=$'x y' $'D=it\\'s'") == {
        "A": "1",
        "B": "two words",
        "C": "x y",
        "D": "it's",
    }


def test_only_what_the_profile_names_keeps_its_value() -> None:
    """Whatever it is, and however short."""
    shown = masked("NODE_ENV='a b' PORT=8080 SUPABASE_SERVICE_ROLE_KEY=eyJhbGciOi DEBUG=1", SITE)
    assert shown == "'NODE_ENV=a b' PORT=8080 SUPABASE_SERVICE_ROLE_KEY=‹secret› DEBUG=‹secret›"
    assert parse_environment(shown)["NODE_ENV"] == "a b"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("KEY=eyJhbGciOi", "eyJhbGciOi"),
        ('"KEY=with a \\$ and \\\\"', "with a $ and \\"),
        ("$'KEY=it\\'s a key'", "it's a key"),
        ("URL=postgresql://me:hunter2@db/x", "hunter2"),
        ("KEY='it is open", "'it"),
        ("$'KEY=-----BEGIN\\nabc\\x21'", "-----BEGIN\nabc!"),
        ("ANON=eyJhbGciOiJIUzI1NiJ9.e30.x1", "eyJhbGciOiJIUzI1NiJ9.e30.x1"),
    ],
)
def test_a_secret_is_cut_out_wherever_it_stands(text: str, value: str) -> None:
    """Also as the value is, not as systemd spells it."""
    assert value not in masked(text, SITE)
    if len(value) > 4:
        assert redact.redact(f"the agent said {value}!") == "the agent said ‹secret›!"


def test_what_stands_in_many_a_text_is_let_be() -> None:
    """A short value, one that the profile names, and one that it says itself: the agent's directory."""
    masked(
        "DEBUG=true NODE_ENV=development HOME=/root/vm-browser-agent HOST=localhost LOGS=/var/log/agent", SITE
    )
    masked("API=http://provider.example/v1 NODE_OPTIONS=--max-old-space-size=512", SITE)
    text = (
        "true: development in /root/vm-browser-agent, localhost, /var/log/agent, http://provider.example/v1"
    )
    assert redact.redact(text) == text


def test_a_line_goes_on_behind_a_comment() -> None:
    """For systemd skips it."""
    file = "Environment=A_KEY=first-old-key \\\n# why\n  ; and how \\\n  B_KEY=second-old-key\nUser=a\n"
    assert without_environment(SITE)(file) == "Environment=A_KEY=‹secret› B_KEY=‹secret›\nUser=a\n"


def test_what_a_unit_file_sets_is_secret_though_another_overrides_it() -> None:
    lines = ("[Service]", "Environment=PORT=8080 \\", "  A_KEY=first-old-key")
    file = "\n".join([*lines, " Environment = 'B_KEY=second-old-key'", "User=a", ""])
    told = "[Service]\nEnvironment=PORT=8080 A_KEY=‹secret›\n Environment =B_KEY=‹secret›\nUser=a\n"
    assert without_environment(SITE)(file) == told
    assert redact.redact("first-old-key second-old-key 8080") == "‹secret› ‹secret› 8080"
