"""What a unit sets in its environment: what the profile names is shown, no other value is."""

from __future__ import annotations

import pytest

from harness import redact
from harness.infra.environment import masked, parse_environment, remember_arguments, without_environment
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


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("token=geheim42", "geheim42"),
        ("vm.password=geheim42", "geheim42"),
        ('agent.secret="two geheim42"', "two geheim42"),
        ("systemd.setenv=SERVICE_KEY=geheim42", "geheim42"),
        ("systemd.set_credential=login:geheim42", "geheim42"),
        ("agent=eyJhbGciOiJIUzI1NiJ9.e30.x1", "eyJhbGciOiJIUzI1NiJ9.e30.x1"),
        ("ds=nocloud;s=https://me:hunter22@host/", "hunter22"),
    ],
)
def test_what_a_kernel_is_told_may_be_secret(word: str, value: str) -> None:
    remember_arguments(f"console=ttyS0 {word} quiet", SITE)
    assert redact.redact(f"Kernel command line: {value}, quiet") == "Kernel command line: ‹secret›, quiet"


def test_what_many_a_kernel_is_told_is_let_be() -> None:
    """Devices, units, ids and digests: they stand in texts that nobody could read without them."""
    words = (
        "console=ttyS0 root=UUID=550e8400-e29b-41d4-a716-446655440000 auth=none iommu.passthrough=1"
        " systemd.mask=apt-daily-upgrade2.timer systemd.machine_id=0123456789abcdef0123456789abcdef"
        f" vm_id=vm-550e8400-e29b-41d4-a716-446655440001 roothash={'a1' * 32}"
        " ip=192.168.100.2::192.168.100.1:255.255.255.0::eth0:off init=/sbin/init clocksource=kvm-clock"
    )
    remember_arguments(words, SITE)
    assert redact.redact(words) == words
