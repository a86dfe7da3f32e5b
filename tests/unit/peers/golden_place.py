"""Golden files in a folder of the test's, and what promotes others, with its inside."""

from __future__ import annotations

import hashlib
import runpy
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.host.golden.door import PROMOTE
from harness.host.golden.files import journals

ROLES = ("vmstate", "memory", "disk", "kernel")
Said = dict[str, Any]
PROGRAM = runpy.run_path(str(PROMOTE))
INSIDE: dict[str, Any] = PROGRAM["act"].__globals__


def full_disk(*_: object) -> None:
    """What a step may come to."""
    raise OSError(28, "No space left on device")


@dataclass
class Place:
    """Golden files in one folder or in two, and a candidate."""

    root: Path
    golden: dict[str, str]
    whole: bool

    def ask(self, act: str) -> Said:
        """A promotion, or the way back."""
        digests = {role: hashlib.sha256(f"new {role}".encode()).hexdigest() for role in ROLES}
        return {"act": act, "files": self.golden, "source": str(self.root / "new"), "digests": digests}

    def do(self, act: str, *, again: bool = False) -> Said:
        """Here, as ``main`` does it on a host."""
        ask = self.ask(act) | ({"digests": {}, "again": again} if act == "back" else {})
        try:
            return dict(PROGRAM["act"](ask))
        except (PROGRAM["RefusedError"], OSError) as error:
            return {"refused": str(error)}
        except PROGRAM["UnfinishedError"] as error:
            return {"unfinished": str(error)}

    def is_all(self, word: str) -> bool:
        """Whether every golden file is the old or the new one."""
        return all(
            Path(path).is_file() and Path(path).read_text() == f"{word} {role}"
            for role, path in self.golden.items()
        )

    def unfinished(self) -> bool:
        """What every reader of the golden files asks."""
        return any(Path(one).exists() for one in journals(self.golden["disk"]))

    def begin(self, before: str) -> None:
        """Old files golden; with ``back`` new ones, and the old ones previous."""
        for one in self.root.iterdir():
            shutil.rmtree(one)
        (self.root / "new").mkdir()
        for role, path in self.golden.items():
            Path(path).parent.mkdir(exist_ok=True)
            Path(path).write_text(f"old {role}")
            (self.root / "new" / Path(path).name).write_text(f"new {role}")
        if not self.whole:
            (Path(self.golden["disk"]).parent / "somebody-elses").write_text("mine")
        if before == "back":
            assert self.do("promote")["done"]
