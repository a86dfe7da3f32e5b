"""The lab's VMM beside the original: the same requests, the same status, the same meaning. No KVM is needed.

What differs is in ``differences.DIFFERENCES``, with a reason each; one that differs no more is out of date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from harness.run import Result, run
from tests.lab.vmm.commands import COMMANDS, CONFIGURATIONS
from tests.lab.vmm.contract import (
    FOLDER,
    ON_ONE,
    REFUSED_ALONE,
    SCRIPTS,
    Asked,
    Case,
)
from tests.lab.vmm.differences import DIFFERENCES
from tests.lab.vmm.meaning import of_answer, of_output
from tests.unit.peers.vmm_program import ROOT, Program, receive

pytestmark = pytest.mark.lab
ALONE = ("unshare", "--net")  # a TAP that is asked for may be made
_NUMBERS = count()


@dataclass(frozen=True)
class Pair:
    """The original and the lab's VMM, each with a name of its own."""

    theirs: Program
    ours: Program

    def asked(self, asked: Asked | bytes, folder: Path) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """What either answers."""
        theirs, ours = (_answer(program, asked, folder) for program in (self.theirs, self.ours))
        return theirs, ours


def _answer(program: Program, asked: Asked | bytes, folder: Path) -> tuple[Any, ...]:
    with program.connect() as sock:
        if isinstance(asked, bytes):
            sock.sendall(asked)
            return of_answer(receive(sock))
    method, path, body = asked
    return of_answer(program.ask(method, path, _placed(body, folder, program)))


def _placed(value: Any, folder: Path, program: Program) -> Any:
    if isinstance(value, dict):
        return {key: _placed(one, folder, program) for key, one in value.items()}
    if not isinstance(value, str):
        return value
    return value.replace(FOLDER, str(folder)).replace("{name}", program.socket_path.parent.name)


@pytest.fixture(scope="module")
def place(folder: Path) -> Path:
    """A folder with files of no use, and configurations."""
    (folder / "file").write_bytes(b"x" * 1024)
    (folder / "zeros").write_bytes(bytes(1024))
    (folder / "empty").touch()
    for name, text in CONFIGURATIONS.items():
        (folder / f"{name}.json").write_text(text)
    return folder


def _pair(stack: ExitStack, folder: Path, original: Path) -> Pair:
    number = next(_NUMBERS)
    made = []
    for kind, binary in (("original", original), ("ours", None)):
        own = folder / f"{kind}-{number}"
        own.mkdir()
        made.append(Program(own, name="vmm", inside=ALONE, binary=binary))
        stack.callback(made[-1].kill)
    return Pair(*made)


@pytest.fixture(scope="module")
def pair(place: Path, original: Path) -> Iterator[Pair]:
    """Both, for requests that change nothing."""
    with ExitStack() as stack:
        yield _pair(stack, place, original)


@pytest.fixture(scope="module")
def touched(place: Path, original: Path) -> Iterator[Pair]:
    """Both, once they can load no snapshot any more."""
    with ExitStack() as stack:
        made = _pair(stack, place, original)
        for program in (made.theirs, made.ours):
            assert program.ask("PUT", "/boot-source", {"kernel_image_path": "/nowhere"}).status == 400
        yield made


@pytest.fixture(scope="module")
def version(pair: Pair) -> tuple[int, ...]:
    """The original's version."""
    told = pair.theirs.ask("GET", "/version").json["firecracker_version"]
    return tuple(int(part) for part in told.split(".")[:2])


def hold(
    name: str, theirs: object, ours: object, statuses: tuple[int, int], version: tuple[int, ...]
) -> None:
    """Both mean the same, or differ as the table says."""
    known = DIFFERENCES.get(name)
    if known is None or (known.before is not None and version >= known.before):
        assert ours == theirs, f"{name}: {ours} is not {theirs}"
        return
    assert ours != theirs, f"{name} differs no more: take it out of the table ({known.reason})"
    assert statuses == (known.theirs, known.ours), f"{name}: {theirs} and {ours}"


@pytest.mark.parametrize("case", ON_ONE, ids=lambda case: case.name)
def test_a_request_that_changes_nothing(
    case: Case, pair: Pair, place: Path, version: tuple[int, ...]
) -> None:
    theirs, ours = pair.asked(case.asked[0], place)
    hold(case.name, theirs, ours, (theirs[0], ours[0]), version)


@pytest.mark.parametrize("name", REFUSED_ALONE)
def test_a_request(name: str, touched: Pair, place: Path, version: tuple[int, ...]) -> None:
    theirs, ours = touched.asked(REFUSED_ALONE[name], place)
    hold(name, theirs, ours, (theirs[0], ours[0]), version)


@pytest.mark.parametrize("case", SCRIPTS, ids=lambda case: case.name)
def test_a_course(case: Case, place: Path, original: Path, version: tuple[int, ...]) -> None:
    """One request after the other, and whether the process ends of the last."""
    with ExitStack() as stack:
        made = _pair(stack, place, original)
        answers = [made.asked(asked, place) for asked in case.asked]
        loads = case.asked[-1][1] == "/snapshot/load"
        ends = tuple(
            program.wait() if loads else program.process.poll() for program in (made.theirs, made.ours)
        )
    last = (answers[-1][0][0], answers[-1][1][0])
    apart = [pair for pair in answers if pair[0] != pair[1]]
    hold(case.name, [theirs for theirs, _ in apart], [ours for _, ours in apart], last, version)
    assert ends[0] == ends[1]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_line(name: str, place: Path, original: Path, version: tuple[int, ...]) -> None:
    """What it prints on stdout, and how it ends."""
    words = [word.replace(FOLDER, str(place)) for word in COMMANDS[name]]
    done = []
    programs = ([str(original)], [sys.executable, "-m", "lab.vmm"])
    for number, program in enumerate(programs):
        own = [word.replace("{name}", f"command-{next(_NUMBERS)}-{number}") for word in words]
        done.append(run([*program, *own], timeout_s=60, check=False, cwd=ROOT))
    theirs, ours = done
    hold(name, _told(theirs), _told(ours), (theirs.status, ours.status), version)


def _told(done: Result) -> tuple[int, str]:
    text = of_output(done.stdout)
    return done.status, text.replace("Firecracker exiting successfully. exit_code=0", "").strip()


def test_every_difference_is_asked_for() -> None:
    """A row of the table that nothing asks for says nothing."""
    asked = {case.name for case in (*ON_ONE, *SCRIPTS)} | REFUSED_ALONE.keys() | COMMANDS.keys()
    assert DIFFERENCES.keys() <= asked
