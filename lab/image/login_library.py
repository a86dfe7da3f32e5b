"""The library of the agent's login tool, openid-client, bundled into one file; npm makes 200 of it.

The redirect that ends a login waits for it to load: one file takes a fifth of the time that all of them take.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from harness.run import run
from lab import npm
from lab.digest import digest_of_file, digest_of_text

AGENT = Path(__file__).parent / "agent"
NAME = "openid-client.js"
"""In a folder ``node_modules`` a file of this name is found as ``openid-client``."""
_OPTIONS = ("--bundle", "--platform=node", "--target=node20", "--log-level=warning")


def node_modules(cache: Path) -> Path:
    """The folder with the library alone, from the cache where it is there."""
    target = cache / f"login-library-{digest()[:16]}"
    if not target.exists():
        cache.mkdir(parents=True, exist_ok=True)
        for leftover in cache.glob("login-library*"):
            shutil.rmtree(leftover)
        with tempfile.TemporaryDirectory(dir=cache, prefix="login-library.new.") as name:
            npm.publish(_bundle(Path(name)), target)
    return target


def digest() -> str:
    """What it is known by."""
    return digest_of_text(f"{npm.lock_digest(AGENT)} {digest_of_file(Path(__file__))}")


def _bundle(folder: Path) -> Path:
    packages, result = folder / "packages", folder / "result"
    npm.install(AGENT, packages)
    result.mkdir()
    esbuild = packages / "node_modules/esbuild/bin/esbuild"
    words: list[str | Path] = [npm.node(), esbuild, *_OPTIONS, f"--outfile={result / NAME}", "openid-client"]
    run(words, timeout_s=120, cwd=packages)
    return result
