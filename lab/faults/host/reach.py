"""The host cannot be asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.faults.fault import fault
from lab.faults.patient import Patient

_USER = "fa017"
_SUDO = f"Defaults:{_USER} runas_default=nobody\n{_USER} ALL=(nobody) NOPASSWD: ALL\n"
_DO = f"""useradd --create-home --shell /bin/sh --password '*' {_USER}
cp -r ~polydev/.ssh ~{_USER}/
chown -R {_USER}: ~{_USER}
printf '{_SUDO}' >/etc/sudoers.d/{_USER}
echo 'AllowUsers {_USER}' >/etc/ssh/sshd_config.d/{_USER}.conf
systemctl reload ssh"""
_UNDO = f"""rm -f /etc/sudoers.d/{_USER} /etc/ssh/sshd_config.d/{_USER}.conf
systemctl reload ssh
userdel --remove {_USER} 2>/dev/null"""


@fault(others_broken=True, asks=("host",))
@contextmanager
def sudo_to_nobody(patient: Patient) -> Iterator[None]:
    """The login user's sudo does not lead to root: it leads to nobody, as whom nothing can be asked."""
    with patient.on_host(do=_DO, undo=_UNDO), patient.profile(host={"user": _USER}):
        yield
