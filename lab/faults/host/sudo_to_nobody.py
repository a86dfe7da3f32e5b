"""The login user's sudo does not lead to root."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.faults.patient import Patient

REDS: set[str] = set()
OTHERS_BROKEN = True
LAYERS = ("host",)
USER = "fa017"
_SUDO = f"Defaults:{USER} runas_default=nobody\n{USER} ALL=(nobody) NOPASSWD: ALL\n"
_DO = f"""useradd --create-home --shell /bin/sh --password '*' {USER}
cp -r ~polydev/.ssh ~{USER}/
chown -R {USER}: ~{USER}
printf '{_SUDO}' >/etc/sudoers.d/{USER}
echo 'AllowUsers {USER}' >/etc/ssh/sshd_config.d/{USER}.conf
systemctl reload ssh"""
_UNDO = f"""rm -f /etc/sudoers.d/{USER} /etc/ssh/sshd_config.d/{USER}.conf
systemctl reload ssh
userdel --remove {USER} 2>/dev/null"""


@contextmanager
def inject(patient: Patient) -> Iterator[None]:
    """It leads to nobody, as whom nothing can be asked."""
    with patient.on_host(do=_DO, undo=_UNDO), patient.profile(host={"user": USER}):
        yield
