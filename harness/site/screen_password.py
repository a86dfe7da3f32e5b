"""The password of VMs' screens."""

from __future__ import annotations

from harness.site.profile import Site
from harness.site.secrets import secret


def screen_password(site: Site) -> str | None:
    """Of the VMs' VNC; None where the profile names none.

    :raises SiteError: it names one that is not there.
    """
    settings = site.guest
    if settings.vnc_password_env is None and settings.vnc_password_file is None:
        return None
    return secret(settings.vnc_password_env, settings.vnc_password_file, what="the password of VMs' screens")
