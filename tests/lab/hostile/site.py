"""A site that harms whoever looks at it, on a host of its own: namespaces that end with this program.

``python -m tests.lab.hostile.site FOLDER -- COMMAND…`` makes the host and its site in ``FOLDER``, writes
their profile to ``FOLDER/site.toml``, runs the command with ``{site}`` put in, writes to ``FOLDER/left.json``
what the command left on the host, and ends with the command's status. To be started by ``unshare`` as the
first process of its own PID, mount and network namespaces.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from harness.database.scratch import ScratchPostgres, scratch_postgres
from tests.lab.hostile.controller import Controller
from tests.lab.hostile.programs import PROGRAMS
from tests.lab.hostile.text import NASTY

VM = "vm-{:08x}-0000-4000-8000-000000000000"
USER = "5b0f3c1e-8d5a-4c8e-9b57-0d6f7c1b2a02"
STRAYS = 20_000


def profile(folder: Path) -> str:
    """The site's profile, its limits short so that many of them can be met."""
    files = {name: folder / "golden" / "files" / f"browser.{name}" for name in ("snap", "mem", "ext4")}
    return f"""
name = "hostile"
[host]
transport = "local"
settle_s = 2
connect_timeout_s = 5
[vmm]
binary = "{folder}/bin/firecracker"
start_timeout_s = 2
load_timeout_s = 2
[state]
vms_dir = "{folder}/vms"
sockets_dir = "{folder}/sockets"
[snapshot]
vmstate = "{files["snap"]}"
memory = "{files["mem"]}"
disk = "{files["ext4"]}"
kernel = "{files["snap"]}"
manifest = "{folder}/golden/files/manifest.json"
copy_s = 5
[controller]
log_file = "{folder}/controller.log"
[guest]
identity_file = "{folder}/key"
restore_health_s = 2
boot_health_s = 2
recovery_s = 2
request_s = 1
[database]
url_file = "{folder}/database.url"
connect_timeout_s = 5
statement_timeout_s = 5
[session]
user_id = "{USER}"
second_user_id = "{USER[:-1]}3"
launch_s = 3
end_s = 2
request_s = 2
window_s = 3
"""


def fill(folder: Path) -> None:
    """Files, sockets and devices with names that are attacks, more of them than anybody can read."""
    for name in ("vms", "sockets", "golden/files", "bin", "tmp"):
        (folder / name).mkdir(parents=True)
    names = [f"vm-{NASTY}".replace("/", "_"), "vm-\udcff", "vm-\n\n- x", "-rf", f"vm-{'x' * 250}"]
    for name in [*names, *(VM.format(number) for number in range(STRAYS))]:
        (folder / "vms" / name).touch()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.fsencode(folder / "sockets") + b"/vm-\xff\x1b[31m.sock")
    for device in ("fc-$(reboot)", "fc-\x1b[31m", "fc-`reboot`", "fc-\udcff"):
        subprocess.run(["ip", "tuntap", "add", device, "mode", "tap"], check=True)
    for name in ("snap", "mem", "ext4"):
        (folder / "golden" / "files" / f"browser.{name}").write_bytes(os.urandom(1 << 20))
    manifest = {"created_at": "9998-12-31T00:00:00Z", "files": {"disk": {"size": 10**4000, "sha256": NASTY}}}
    sys.set_int_max_str_digits(0)
    (folder / "golden" / "files" / "manifest.json").write_text(json.dumps(manifest))
    (folder / "controller.log").write_bytes(b"2026-01-01T00:00:00Z ERROR \x1b]52;c;aGk=\x07\xff\n" * 100_000)
    (folder / "key").write_text("no key\n")
    (folder / "key").chmod(0o600)
    for name, program in PROGRAMS.items():
        (folder / "bin" / name).write_text(program)
        (folder / "bin" / name).chmod(0o755)


def fill_database(scratch: ScratchPostgres, folder: Path) -> None:
    """Rows whose every text is an attack."""
    with contextlib.closing(scratch.connect()) as connection, connection.transaction():
        connection.execute((Path(__file__).parents[3] / "harness/database/scratch_schema.sql").read_text())
        connection.execute(
            "INSERT INTO vms SELECT 'vm-' || n || %(nasty)s, gen_random_uuid(), %(nasty)s, -1, -1, %(nasty)s,"
            " %(nasty)s, (ARRAY['running', %(nasty)s])[1 + n %% 2], -n, '/' || %(nasty)s || chr(10),"
            " 'infinity', '-infinity', 'infinity', NULL, NULL FROM generate_series(1, 5000) n",
            {"nasty": NASTY},
        )
        connection.execute(
            "INSERT INTO auth_sessions SELECT gen_random_uuid(), gen_random_uuid(), %(nasty)s, %(nasty)s,"
            " %(nasty)s, 'ready', 'infinity', NULL, '-infinity', %(nasty)s, -1 FROM generate_series(1, 5000)",
            {"nasty": NASTY},
        )
    url = folder / "database.url"
    url.write_text(scratch.url())
    url.chmod(0o600)


def left(folder: Path, before: set[int]) -> dict[str, list[str]]:
    """What is on the host that was not there before."""
    _reap()
    folders = (Path("/run"), Path("/run/netns"), folder / "golden", folder / "tmp")
    made = [path for parent in folders if parent.is_dir() for path in parent.glob("*acc-*")]
    files = [str(path) for one in made for path in (one, *one.rglob("*")) if not path.is_dir()]
    programs = [
        Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        for pid in _processes() - before
    ]
    return {"files": files, "processes": programs}


def _processes() -> set[int]:
    return {int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()}


def _reap() -> None:
    """We are the first process here: whoever lost a parent is ours."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


@contextlib.contextmanager
def hostile_site(folder: Path) -> Iterator[Path]:
    """The host and its site, for the block; the profile's path."""
    subprocess.run(["mount", "-t", "tmpfs", "acc-run", "/run"], check=True)
    for words in ("link set lo up", "link add fcbr0 type bridge", "addr add 192.168.100.1/24 dev fcbr0"):
        subprocess.run(["ip", *words.split()], check=True)
    fill(folder)
    subprocess.run(["mount", "--bind", folder / "bin", "/usr/local/sbin"], check=True)  # first on every PATH
    controller = Controller(4000)
    with contextlib.closing(controller.socket), scratch_postgres() as scratch:
        fill_database(scratch, folder)
        site = folder / "site.toml"
        site.write_text(profile(folder))
        yield site


def main(folder: Path, command: list[str]) -> int:
    """Run a command at the site; its status."""
    with hostile_site(folder) as site:
        os.environ.update(PATH=f"/usr/local/sbin:{os.environ['PATH']}", TMPDIR=str(folder / "tmp"))
        before = _processes()
        status = subprocess.run(
            [word.replace("{site}", str(site)) for word in command], check=False
        ).returncode
        (folder / "left.json").write_text(json.dumps(left(folder, before)))
    return status


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[3:]))
