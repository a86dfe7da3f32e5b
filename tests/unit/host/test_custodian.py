"""Our end of the custodian, against ones that misbehave: each request ends within its limit, and says why."""

from __future__ import annotations

import concurrent.futures
import os
import shlex
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from harness.custodian.limits import Limit
from harness.custodian.service import GREETING
from harness.errors import HarnessError, SshError, TransportError
from harness.host import custodian as custodians
from harness.host.custodian import Custodian, telling_its_end
from harness.transport.private import start_with_pipes
from harness.wait import wait_until

SLACK_S = 60.0
NEVER_S = 600.0
HELLO = f"printf '{GREETING}{{}}\\n'; "
ECHO = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    print(asked["before"] + json.dumps({"id": asked["id"], "ok": asked["op"]}), flush=True)
print('{"id": 0, "ok": ["one is left"]}', flush=True)
"""


@pytest.fixture(autouse=True)
def in_time() -> Iterator[None]:
    """Every one of them, whatever happens."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < SLACK_S


class Patient(Custodian):
    """Whose time to start is up only after it has said something."""

    def _tell(self, data: bytes, limit: Limit) -> None:
        wait_until(lambda: len(self._strays) > 1 or self._said, what="a word of it", timeout_s=SLACK_S)
        super()._tell(data, Limit(limit.what, seconds=limit.seconds, size=0))


def start(
    script: str, *, timeout_s: float = SLACK_S, program: bytes = b"", kind: type[Custodian] = Custodian
) -> Custodian:
    """What a shell script does in the custodian's place."""
    process = start_with_pipes(["sh", "-c", script])
    return kind(process, program, timeout_s=timeout_s, explain=lambda said: SshError(f"explained: {said}"))


@contextmanager
def started(script: str) -> Iterator[Custodian]:
    """One that greeted; ended after the block."""
    custodian = start(HELLO + script)
    try:
        yield custodian
    finally:
        custodian.close(timeout_s=0.5)


@contextmanager
def echoing() -> Iterator[Custodian]:
    """One that answers each request with its name, after what the request says is to come before."""
    with started(shlex.join(["exec", sys.executable, "-c", ECHO])) as custodian:
        yield custodian


BEFORE = {
    "a title": r"\033]0;host\007",
    "a banner without a newline": "Welcome! ",
    "a banner": r"Welcome!\nTo you!\n",
    "no text": r"\377\000\n\377",
    "JSON": r"{}\n[1]\n",
    "half a greeting": GREETING + r"{\n",
    "a greeting that is none": GREETING + r"[1]\n",
    "a greeting that is deep": GREETING + "[" * 20000 + r"\n",
}


@pytest.mark.parametrize("before", BEFORE.values(), ids=BEFORE)
def test_what_a_login_prints_does_not_keep_it_from_starting(before: str) -> None:
    custodian = start(f"printf '{before}'; {HELLO} cat >/dev/null; echo '{{\"id\": 0, \"ok\": []}}'")
    assert custodian.facts == {}
    assert custodian.close(timeout_s=SLACK_S) == ""


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests are taken in whatever time that needs: what is late is the answer."""
    tell = Custodian._tell

    def patiently(custodian: Custodian, data: bytes, limit: Limit) -> None:
        tell(custodian, data, Limit(limit.what, seconds=SLACK_S, size=0))

    monkeypatch.setattr(Custodian, "_tell", patiently)


STARTS = {
    "silent": ("sleep 90", "did not start within 1 s"),
    "dripping": ("while :; do printf x; sleep 0.05; done", "did not start within 1 s"),
    "flooding": ("yes", r"did not start within 1 s: (?s:.*)it printed what is no answer: y \| y"),
    "flooding without a newline": ("yes | tr -d '\\n'", "did not start within 1 s"),
    "flooding stderr": ("exec yes why >&2", "did not start within 1 s: (?s:.*)why"),
    "closing": ("echo no such host >&2", "explained: no such host"),
    "closing halfway": (f"printf '{GREETING}{{'", f"it printed what is no answer: {GREETING}"),
    "closing but running": ("exec >&- 2>&-; sleep 90", "explained"),
    "closing and held": ("echo why >&2; sleep 90 &", "explained: why"),
    "garbage": ("head -c 100000 /dev/urandom; exit 1", "it printed what is no answer"),
}
SAYS_SOMETHING = {"flooding", "flooding stderr"}
ENDS = {"closing", "closing halfway", "closing and held", "garbage"}


@pytest.mark.parametrize("program", [b"", bytes(1 << 20)], ids=["", "much is to be read"])
@pytest.mark.parametrize("name", STARTS)
def test_what_does_not_start_is_told(name: str, program: bytes) -> None:
    script, why = STARTS[name]
    kind, limit_s = Patient if name in SAYS_SOMETHING else Custodian, SLACK_S if name in ENDS else 1
    with pytest.raises(SshError, match=why):
        start(script, timeout_s=limit_s, program=program, kind=kind)


STRAYS = [
    "\n",
    "[1]\n",
    "7\n",
    "null\n",
    "{}\n",
    "{\n",
    "half an answer\n",
    '{"id": []}\n',
    '{"id": {}, "ok": 1}\n',
    '{"id": "1", "ok": 1}\n',
    '{"id": true, "ok": 1}\n',
    '{"id": 1.0, "ok": 1}\n',
    '{"id": -1, "ok": 1}\n',
    '{"id": 99, "ok": 1}\n',
    '{"id": 1}\n',
    '{"id": 1e999, "ok": 1}\n',
    '{"id": ' + "1" * 5000 + ', "ok": 1}\n',
    '{"id": 1, "ok": ' + "[" * 50000 + "\n",
    '{"id": 0, "ok": 7}\n',
    '{"id": 0, "error": "no"}\n',
    "x" * 1_000_000 + "\n",
    "\x1b]0;title\x07\n",
    "\0\n",
    "\u2028\n",
]


@pytest.mark.parametrize("stray", STRAYS, ids=[str(number) for number in range(len(STRAYS))])
def test_a_line_that_is_no_answer_is_passed_over(stray: str) -> None:
    with echoing() as custodian:
        assert [custodian.ask(op, timeout_s=SLACK_S, before=stray) for op in ("a", "b")] == ["a", "b"]
        assert custodian.close(timeout_s=SLACK_S) == "one is left"


def test_an_answer_that_comes_twice_is_passed_over() -> None:
    with echoing() as custodian:
        assert custodian.ask("a", timeout_s=SLACK_S, before='{"id": 1, "ok": "first"}\n') == "first"
        assert custodian.ask("b", timeout_s=SLACK_S, before="") == "b"


@pytest.mark.usefixtures("taken")
def test_what_came_in_place_of_an_answer_is_told() -> None:
    with started("read line; printf '\\033[2Jwelcome\\n'; cat >/dev/null") as custodian:
        custodian.begin("an earlier one")
        wait_until(lambda: custodian._strays, what="what is no answer", timeout_s=SLACK_S)
        with pytest.raises(
            TransportError, match=r"did not answer op within 0.5 s\n.*no answer: \\x1b\[2Jwelcome"
        ):
            custodian.ask("op", timeout_s=0.5)


def test_an_answer_that_is_too_long_is_told_to_whoever_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(custodians, "ANSWER_LIMIT", 1 << 20)
    with echoing() as custodian:
        with pytest.raises(TransportError, match="answered over 1 MiB"):
            custodian.ask("x" * (2 << 20), timeout_s=SLACK_S, before="")
        assert custodian.ask("a", timeout_s=SLACK_S, before="") == "a"


@pytest.mark.usefixtures("taken")
def test_a_line_without_an_end_takes_no_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(custodians, "ANSWER_LIMIT", 1 << 20)
    with (
        started('read line; printf \'{"id": 1, "ok": "\'; yes | tr -d \'\\n\'') as custodian,
        pytest.raises(TransportError, match=r"did not answer op within 0\.5 s"),
    ):
        custodian.ask("op", timeout_s=0.5)


ENDED = "acceptance-custodian-ended"
LOSSES = {
    "its connection ends": ("exit 3", "the connection to it ended: no word"),
    "ssh says why": ("echo Connection reset by peer >&2; exit 255", "ended: explained: Connection reset"),
    "the way to it is killed": ("kill -9 $$", "the connection to it ended"),
    "it hangs up and stays": ("exec >&- 2>&-; sleep 90", "the connection to it ended"),
    "its child holds the pipes": ("sleep 90 & exit 4", "the connection to it ended"),
    "half an answer": ('printf \'{"id": 1, "ok"\'; exit 5', r"ended(?s:.*)no answer: \{\"id\": 1"),
    "its own end": (f"echo Killed >&2; echo {ENDED} 137; sleep 90", "it ended with status 137: Killed"),
    "half an answer, and its end": (f"printf half; echo {ENDED} 1; sleep 90", "it ended with status 1"),
}


@pytest.mark.parametrize(("script", "why"), LOSSES.values(), ids=LOSSES)
def test_a_lost_custodian_is_told_to_all_who_wait_at_once(script: str, why: str) -> None:
    with (
        started(f"read line; read line; {script}") as custodian,
        concurrent.futures.ThreadPoolExecutor(2) as pool,
    ):
        asked = [pool.submit(custodian.ask, "op", timeout_s=NEVER_S) for _ in range(2)]
        for answer in asked:
            with pytest.raises(TransportError, match=why):
                answer.result(SLACK_S)
        with pytest.raises(TransportError, match=why):
            custodian.ask("again", timeout_s=NEVER_S)


def test_the_end_of_its_process_is_told_though_its_pipes_are_held() -> None:
    """As ssh does, while anything else uses the connection."""
    script = f"printf '{GREETING}{{}}\\n'; read line; kill -9 $$"
    process = start_with_pipes(["sh", "-c", '"$@"; sleep 90', "sh", *telling_its_end(["sh", "-c", script])])
    custodian = Custodian(process, b"", timeout_s=SLACK_S, explain=SshError)
    with pytest.raises(TransportError, match="it ended with status 137"):
        custodian.ask("op", timeout_s=NEVER_S)
    custodian.close(timeout_s=0.5)


def test_a_stopped_one_is_asked_without_an_end_to_nobody() -> None:
    """It reads nothing: the pipe fills, and a request is taken by half, for which there is ample time."""
    with echoing() as custodian:
        os.kill(custodian._process.pid, signal.SIGSTOP)
        with pytest.raises(TransportError, match=r"the request to big: .* did not take .* within 5 s"):
            custodian.ask("big", timeout_s=5, before="x" * (1 << 20))
        with pytest.raises(TransportError, match="the request to big"):  # nothing more can be said
            custodian.ask("small", timeout_s=NEVER_S, before="")
        os.kill(custodian._process.pid, signal.SIGCONT)


def test_others_are_not_held_up_by_one_that_is_not_taken() -> None:
    with echoing() as custodian, concurrent.futures.ThreadPoolExecutor(1) as pool:
        os.kill(custodian._process.pid, signal.SIGSTOP)
        big = pool.submit(custodian.ask, "big", timeout_s=SLACK_S, before="", text="x" * (1 << 20))
        wait_until(custodian._telling.locked, what="it is told", timeout_s=SLACK_S)
        with pytest.raises(TransportError, match="did not"):
            custodian.ask("small", timeout_s=0.3, before="")
        assert not big.done()
        os.kill(custodian._process.pid, signal.SIGCONT)
        assert big.result(SLACK_S) == "big"
        assert custodian.ask("small", timeout_s=SLACK_S, before="") == "small"


@pytest.mark.parametrize("told", [0, 1 << 20], ids=["idle", "while it is told something"])
def test_the_end_of_a_stopped_one_is_within_its_time(told: int) -> None:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        custodian = start(HELLO + "exec cat >/dev/null")
        os.kill(custodian._process.pid, signal.SIGSTOP)
        if told:
            asked = pool.submit(custodian.ask, "big", timeout_s=NEVER_S, text="x" * told)
            wait_until(custodian._telling.locked, what="it is told", timeout_s=SLACK_S)
        assert "without a farewell" in custodian.close(timeout_s=0.5)
        if told:
            with pytest.raises(HarnessError):
                asked.result(SLACK_S)


def test_what_is_still_asked_when_it_is_closed_is_told() -> None:
    custodian = start(HELLO + "read line; cat >/dev/null")
    answer = custodian.begin("op")
    custodian.close(timeout_s=0.5)
    with pytest.raises(TransportError, match="is gone"):
        answer.result(SLACK_S)
    with pytest.raises(TransportError, match="is gone"):
        custodian.ask("op", timeout_s=NEVER_S)
