"""What a kernel is told when the golden disk is booted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from harness.guest import cold_boot
from harness.host.hypervisor import Hypervisor

TOLD = {
    "quiet": ("console=ttyS0 quiet", "console=ttyS0 quiet systemd.show_status=error systemd.mask=x.service"),
    "not quiet": ("console=ttyS0", "console=ttyS0 systemd.mask=x.service"),
    "told already": (
        "quiet systemd.show_status=1",
        "quiet systemd.show_status=1 systemd.mask=x.service",
    ),
}


@pytest.mark.parametrize(("boot_args", "told"), TOLD.values(), ids=TOLD)
def test_a_quiet_boot_tells_what_failed(boot_args: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An image may forbid its systemd to say so; one that tells more is left as it is."""
    seen: list[str] = []
    monkeypatch.setattr(cold_boot, "cold_boot", lambda _, *, boot_args: seen.append(boot_args))
    site = SimpleNamespace(
        snapshot=SimpleNamespace(boot_args=boot_args), guest=SimpleNamespace(desktop_units=("x.service",))
    )
    cold_boot.boot_without_desktop(cast(Hypervisor, SimpleNamespace(site=site)))
    assert seen == [told]
