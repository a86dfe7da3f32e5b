"""Reading a site profile: valid, or one message that names each field at fault."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from harness.errors import SiteError
from harness.site.faults import MOST, faults_of
from harness.site.layers import HINT, head_of, laid_over, read_layers
from harness.site.profile import Site


def load_site(path: Path) -> Site:
    """Read and validate a profile, with what it extends.

    :raises SiteError: one message with the file, each field at fault, what was found and what was expected.
        It quotes nothing that may be a secret.
    """
    layers = read_layers(path)
    try:
        site = Site.model_validate(laid_over(layers))
    except ValidationError as error:
        faults = faults_of(error, layers)
    else:
        faults = _unreachable(site)
    if faults:
        more = [f"… and {len(faults) - MOST} more, {len(faults)} in all"] if len(faults) > MOST else []
        lines = "\n".join(f"  {fault}" for fault in [*faults[:MOST], *more])
        raise SiteError(f"{head_of(path)}\n{lines}", hint=HINT)
    return site


def _unreachable(site: Site) -> list[str]:
    """Nobody's host is tried because a line was forgotten."""
    host = site.host
    needed = {"address": host.address, "user": host.user} if host.transport == "ssh" else {}
    return [f"host.{name}: required, and not given" for name, value in needed.items() if not value]
