"""The lines around a place, as a real shell prints them."""

from __future__ import annotations

import subprocess
from pathlib import Path

from harness.guest.places import Place, lines_around, path_of, told_with
from harness.run import Result
from harness.site.profile import Site
from tests.unit.peers.small_vm import SmallVm


class Guest(SmallVm):
    """Its shell is one here."""

    def script(self, text: str, *, timeout_s: float) -> Result:
        """What it prints."""
        done = subprocess.run(
            ["sh", "-c", text], capture_output=True, text=True, timeout=timeout_s, check=False
        )
        return Result(("sh",), done.returncode, done.stdout, done.stderr)


def around(folder: Path, *places: Place) -> dict[Place, str]:
    """The lines around these."""
    return dict(lines_around(Guest(folder / "a", Site.model_validate({"name": "nowhere"})), places))


def test_the_lines_around_a_place_are_shown(tmp_path: Path) -> None:
    """Fewer at an end of the file; and none of a file that is not there, or is no file."""
    file = tmp_path / "it's a file.js"
    file.write_text("".join(f"line {number}\n" for number in range(1, 9)))
    first, middle, gone = Place(str(file), 1), Place(str(file), 5), Place(str(tmp_path / "gone.js"), 2)
    seen = around(tmp_path, first, gone, middle, Place("node:events", 3), first)
    assert seen == {
        first: "    >    1  line 1\n         2  line 2\n         3  line 3",
        middle: "\n".join(f"    {'>' if n == 5 else ' '}{n:5d}  line {n}" for n in range(3, 8)),
    }
    assert told_with(middle, seen) == f"{file}:5\n{seen[middle]}"
    assert told_with(gone, seen) == f"{gone}"
    assert told_with(None, seen) == "(at a place that is not known)"


def test_of_a_bundles_long_line_the_place_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "bundle.js"
    file.write_text("x" * 500_000 + "HERE" + "y" * 500_000)
    (shown,) = around(tmp_path, Place(str(file), 1, 500_001)).values()
    assert "HERE" in shown
    assert len(shown) < 300


def test_a_url_names_a_file() -> None:
    assert path_of("file:///a%20b/c.mjs") == "/a b/c.mjs"
    assert path_of("/a%20b.js") == "/a%20b.js"
    assert path_of("node:net") == "node:net"
