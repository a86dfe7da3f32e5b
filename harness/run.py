"""The one door for local processes: argv lists, no stdin, always a timeout, a log line that can be pasted."""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import CommandError
from harness.mend import shell_line

log = logging.getLogger(__name__)

_PASSED_ON = ("PATH", "HOME", "LANG", "TERM", "TMPDIR", "SSH_AUTH_SOCK", "SYSTEMD_COLORS")


@dataclass(frozen=True)
class Result:
    """What a program said: exit status, stdout and stderr (text, undecodable bytes replaced)."""

    argv: tuple[str, ...]
    status: int
    stdout: str
    stderr: str

    @property
    def command(self) -> str:
        """The command as it can be pasted into a shell."""
        return shell_line(self.argv)


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The small explicit environment every program gets."""
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {**kept, "LC_ALL": "C.UTF-8", **(extra or {})}


def run(
    argv: Sequence[str | Path],
    *,
    timeout_s: float,
    check: bool = True,
    input_text: str | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    hint: str = "",
) -> Result:
    """Run a program to its end.

    :param timeout_s: seconds; on expiry the program is killed.
    :param check: a non-zero status raises.
    :raises CommandError: not found, ended with a non-zero status (with ``check``), or took too long.
    """
    words = tuple(str(word) for word in argv)
    log.debug("run: %s", shell_line(words))
    try:
        done = subprocess.run(
            words,
            input=input_text,
            stdin=subprocess.DEVNULL if input_text is None else None,
            capture_output=True,
            timeout=timeout_s,
            cwd=cwd,
            env=environment(env),
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise CommandError(
            f"cannot run {words[0]}: {error.strerror}", hint=hint or f"install {words[0]}"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"took over {timeout_s:g} s: {shell_line(words)}", hint=hint) from error
    result = Result(words, done.returncode, done.stdout, done.stderr)
    if check and result.status != 0:
        said = (result.stderr.strip() or result.stdout.strip() or "nothing")[-2000:]
        raise CommandError(f"exit status {result.status}: {result.command}\n  it said: {said}", hint=hint)
    return result
