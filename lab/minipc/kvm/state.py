"""The machine's other disk, which is kept: a lab's home with VMs' state, code, and the golden snapshot."""

from __future__ import annotations

from pathlib import Path

from lab.image.chamber import ROOT
from lab.minipc import code
from lab.minipc.kvm import image, packages
from lab.paths import LabPaths

HOME = Path("/srv/lab")
"""Where the machine has it."""
SIZE = 40 << 30
PARTS = "parts"
PROJECT = "project"
PYTHON = "python"

_WRITE = """
code=$1 keys=$2 project=$3 python=$4 parts=$5
mkdir -p store/firecracker/vms store/firecracker/snapshots store/code store/cache keys build
rm -rf store/firecracker/vms/* store/build project python parts store/code/*.new
for entry in "$code"/*/; do
    name=$(basename "$entry")
    [ -L "$code/$name" ] && continue
    [ -e "store/code/$name" ] && continue
    cp -a "$entry" "store/code/$name.new"
    mv "store/code/$name.new" "store/code/$name"
done
ln -s "$(readlink "$code/current")" store/code/current.new
mv -T store/code/current.new store/code/current
for entry in store/code/*/; do
    [ -e "$code/$(basename "$entry")" ] || rm -rf "$entry"
done
chmod 700 keys
cp -p "$keys"/lab_ed25519* "$keys"/guest_host_ed25519* keys/
mkdir project
tar -C "$project" --exclude=__pycache__ --exclude=node_modules -c harness lab | tar -C project -x
cp -r "$python" python
[ -z "$parts" ] || cp -r --sparse=always "$parts" parts
sync -f .
"""


def file(paths: LabPaths) -> Path:
    """Where its image is."""
    return paths.kvm / "state.xfs"


def update(paths: LabPaths, parts: Path | None) -> None:
    """Have it as it should be, no VM in it; only while no machine runs.

    :param parts: a folder with what a golden snapshot is to be made of, where one is.
    """
    if not file(paths).exists():
        fresh = file(paths).with_suffix(".new")
        image.make(fresh, size=SIZE)
        fresh.rename(file(paths))
    words = (code.folder(paths), paths.keys, ROOT, packages.fetch(paths), parts or "")
    image.work(file(paths), _WRITE, *words, timeout_s=1800)
