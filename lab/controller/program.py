"""Programs of the host, run to their end."""

from __future__ import annotations

import asyncio


class ProgramError(Exception):
    """A program ended badly."""


async def run(*words: str, input_text: str = "", timeout_s: float = 60) -> None:
    """Run a program.

    :raises ProgramError: it ended with a status that is not 0, or took too long.
    """
    child = await asyncio.create_subprocess_exec(
        *words,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await asyncio.wait_for(child.communicate(input_text.encode()), timeout_s)
    except BaseException as error:
        if child.returncode is None:
            child.kill()
            await child.wait()
        if isinstance(error, TimeoutError):
            raise ProgramError(f"{' '.join(words)}: took over {timeout_s:g} s") from error
        raise
    if child.returncode:
        raise ProgramError(f"{' '.join(words)}: status {child.returncode}: {said.decode().strip()[:500]}")
