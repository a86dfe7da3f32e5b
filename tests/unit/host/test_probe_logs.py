"""What the probe makes of the controller's logs: which lines count, of when, and how many are read."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.host.error_lines import errors_among, with_errors
from harness.site.profile import ControllerSection, Site
from tests.unit.host.test_probe import load_probe

ASK = {"journal_lines": 100}
CONTROLLER = ControllerSection(ignore_errors=("harmless",))
SITE = Site(name="x", controller=CONTROLLER)


def with_errors_of(part: Any) -> dict[str, Any]:
    """What is made of a log that the probe tells."""
    found: dict[str, Any] = with_errors({"journal": {"ok": part}}, SITE)["journal"]["ok"]
    return found


def test_error_lines_are_counted_and_those_that_are_known_apart() -> None:
    lines = [(1.0, "[INFO]: fine"), (2.0, "[ERROR]: bad"), (3.0, "ERROR harmless"), (4.0, "TERRORS")]
    found = errors_among(lines, CONTROLLER)
    assert (found["read"], found["count"], found["last"][0]["text"]) == (4, 1, "[ERROR]: bad")
    assert found["ignored"] == {"harmless": 1}


@pytest.mark.parametrize("level", ["\x1b[31MERROR\x1b[39M", "\x1b[1;31mERROR\x1b[0m", "\x1b[31mERROR\x1b[m"])
def test_the_level_of_an_error_may_be_coloured(level: str) -> None:
    """Also by a logger that makes capitals after colouring; it is told without."""
    lines = [(1.0, f"[{level}]: bad"), (2.0, "[\x1b[32MINFO\x1b[39M]: NO_ERRORS here")]
    found = errors_among(lines, CONTROLLER)
    assert (found["count"], found["last"][0]["text"]) == (1, "[ERROR]: bad")


def test_the_latest_of_too_many_lines_are_told() -> None:
    """And the verdict says that there were more."""
    lines = [(float(number), f"{number} " + "x" * (1 << 15)) for number in range(300)]
    found = load_probe()["told"](lines, 1000)
    assert (found["lines"][0][0], found["lines"][-1][0], found["limit"]) == (45.0, 299.0, 255)


def test_a_log_that_is_none_says_so() -> None:
    answer = with_errors({"journal": {"ok": {"lines": [["x", 1]]}}, "api": {"ok": 1}}, SITE)
    assert "the host's journal cannot be understood" in answer["journal"]["error"]
    assert answer["api"] == {"ok": 1}


STARTED = 1795489200.0  # 2026-11-24 03:00:00 UTC


def read_log(log: Path, text: str, *, written: float = STARTED + 60) -> dict[str, Any]:
    """What the probe says of a log file that was last written to at this time."""
    log.write_text(text)
    os.utime(log, (written, written))
    names = load_probe()
    names.update(started=lambda _: 0, wall_time=lambda _: STARTED)
    return with_errors_of(names["log_file"]({**ASK, "log_file": str(log)}))


def test_a_log_file_counts_from_the_start_of_the_unit(tmp_path: Path) -> None:
    found = read_log(
        tmp_path / "controller.log",
        "no time [ERROR]: before all\n"
        "2026-01-01T00:00:00.123Z [ERROR]: of last year\n"
        "    [ERROR]: its second line\n"
        "2026-11-24T04:00:00+01:00 [INFO]: started\n"
        "2026-11-24 03:00:01,5Z [ERROR]: now\n"
        "    [ERROR]: and its second line\n",
    )
    assert [one["text"].strip() for one in found["last"]] == [
        "2026-11-24 03:00:01,5Z [ERROR]: now",
        "[ERROR]: and its second line",
    ]
    assert (found["read"], found["undated"]) == (3, False)


WRITTEN = {
    "winston's JSON": '{{"level":"ERROR: x","msg":"{0:>90}","health":{{"time":"{1}"}},"timestamp":"{2}"}}',
    "winston's plain text": '[ERROR]: {0} a session of {1} {{"vmId":"vm-1","timestamp":"{2}"}}',
    "a colour": "\x1b[31m{2} [ERROR]: a session of {1}",
    "a level first": "[ERROR]: {2} a session of {1}",
    "a duration in its JSON": '[ERROR]: {2} {{"vmId":"vm-1","time":60012,"ts":"12ms"}}',
    "no colon in the zone": "{2} [ERROR]: a session of {1}",
}


@pytest.mark.parametrize("line", WRITTEN.values(), ids=WRITTEN.keys())
@pytest.mark.parametrize(
    ("own", "other", "counts"), [("03:00:01", "01:00:00", 1), ("02:59:59", "03:00:01", 0)]
)
def test_a_line_is_of_its_own_time_wherever_it_says_so(
    tmp_path: Path, line: str, own: str, other: str, counts: int
) -> None:
    """Not of one that its message names."""
    times = (f"2026-11-24T{time}.5+0000" for time in (other, own))
    text = line.format("message", *times) + "\n2026-11-24T03:00:02Z [INFO]: fine\n"
    assert read_log(tmp_path / "x.log", text)["count"] == counts


def test_a_line_may_tell_its_time_in_milliseconds(tmp_path: Path) -> None:
    lines = [f'{{"time":{int(STARTED + at) * 1000},"msg":"ERROR: {at}"}}\n' for at in (-5, 5)]
    assert [one["text"][-5:] for one in read_log(tmp_path / "x.log", "".join(lines))["last"]] == [': 5"}']


UNDATED = "Nov 24 03:00:01 minipc node[7]: [ERROR]: bad\nNov 24 03:00:02 minipc node[7]: [INFO]: fine\n"
MENTIONED = "Nov 24 02:59:58 minipc node[7]: [INFO]: a session of 2026-01-01T00:00:00Z\n"
STRANGE = "2026-11-45T03:00:01Z [ERROR]: on a day that no month has\n"


@pytest.mark.parametrize("text", [UNDATED, MENTIONED + UNDATED, STRANGE])
def test_lines_of_which_none_tells_its_time_are_all_read(tmp_path: Path, text: str) -> None:
    """An error among them may be of now."""
    found = read_log(tmp_path / "x.log", text)
    assert (found["undated"], found["count"], found["read"]) == (True, 1, text.count("\n"))


def test_a_log_that_ended_before_the_start_says_nothing_of_now(tmp_path: Path) -> None:
    found = read_log(tmp_path / "x.log", UNDATED, written=STARTED - 1)
    assert (found["undated"], found["count"], found["read"]) == (False, 0, 0)


def test_the_limit_is_what_there_was_of_a_long_log(tmp_path: Path) -> None:
    """So that the verdict says that not all was read."""
    lines = [f"2026-11-24T03:00:01Z [INFO]: {'x' * 20_000}\n" for _ in range(60)]
    found = read_log(tmp_path / "x.log", "".join(lines))
    assert found["read"] == found["limit"] == 52


def test_a_journal_counts_from_the_very_moment_of_the_start() -> None:
    """Wherever the clock has been set since: without its predecessor's lines, with all its own."""
    said = [  # seconds since boot, wall time
        (10.5, 9000.5, "[ERROR]: of the one before, in the same second"),
        (10.7, 9000.7, "[ERROR]: at once"),
        (20.0, 5000.0, "[ERROR]: after the clock was set back"),
        (30.0, 9999.0, "[INFO]: fine"),
    ]
    asked: list[str] = []

    def journalctl(*words: str, timeout: int) -> dict[str, Any]:
        assert timeout
        asked.extend(words)
        times = ("__MONOTONIC_TIMESTAMP", "__REALTIME_TIMESTAMP")
        records = [
            {"MESSAGE": text, **{name: str(int(at * 1e6)) for name, at in zip(times, moments, strict=True)}}
            for *moments, text in said
        ]
        return printed(map(json.dumps, reversed(records)))

    names = load_probe()
    names.update(started=lambda _: 10_600_000, run_program=journalctl)
    found = with_errors_of(names["journal"]({**ASK, "unit": "master-controller.service"}))
    assert [(one["time"], one["text"]) for one in found["last"]] == [
        (9000.7, "[ERROR]: at once"),
        (5000.0, "[ERROR]: after the clock was set back"),
    ]
    assert (found["read"], found["count"]) == (3, 2)
    assert {"--boot", "--reverse"} <= set(asked)


def test_a_journal_is_read_to_the_end_of_its_lines() -> None:
    """journalctl shows a message of more than 4096 bytes only to those who ask for all of it."""
    bad = "[ERROR]: " + "x" * 4096

    def journalctl(*words: str, timeout: int) -> dict[str, Any]:
        assert timeout
        messages = ["[ERROR]: in \u2028 two", list(b"[ERROR]: \xff"), ["[ERROR]: a", list(b"b")]]
        return printed(map(entry, [*reversed(messages), bad if "--all" in words else None]))

    names = load_probe()
    names.update(started=lambda _: 1, run_program=journalctl)
    found = with_errors_of(names["journal"]({**ASK, "unit": "master-controller.service"}))
    told = [one["text"] for one in found["last"]]
    assert told == [f"{bad[:400]}…", "[ERROR]: in \u2028 two", "[ERROR]: \udcff", "[ERROR]: a\nb"]


def test_of_a_journal_that_is_too_long_the_oldest_lines_are_cut() -> None:
    names = load_probe()
    lines = [entry("[ERROR]: new"), entry("old")[:7]]
    names.update(started=lambda _: 1, run_program=lambda *_, timeout: {**printed(lines), "cut": timeout > 0})
    found = with_errors_of(names["journal"]({**ASK, "unit": "master-controller.service"}))
    assert (found["read"], found["limit"], found["count"]) == (1, 1, 1)


SUPPRESSED = "a596d6fe7bfa4994828e72309e95d61e"
EXIT, RESTART = "98e322203f7a4ed290d09fe03c09fe15", "5eb03494b6584870a536b337290809b3"
BY_SYSTEMD = {"UNIT": "master-controller.service"}
START_S = 1000


def journal_of(records: list[str], oldest: str = "") -> dict[str, Any]:
    """What the probe says of a journal whose lines about the unit, and whose first one at all, are these."""
    names, started = load_probe(), START_S * 1_000_000
    names.update(
        started=lambda _: started,
        wall_time=lambda at: at / 1e6,
        run_program=lambda *words, **_: printed(reversed(records) if "--reverse" in words else [oldest]),
    )
    return with_errors_of(names["journal"]({**ASK, "unit": "master-controller.service"}))


@pytest.mark.parametrize(
    ("records", "oldest", "known_from"),
    [
        ([(999, "of the one before"), (5000, "[INFO]: late")], 900, None),
        ([(1001, "Started it."), (5000, "[INFO]: late")], 900, None),
        ([(5000, "[INFO]: quiet till now")], 900, None),
        ([(5000, "[INFO]: all that is left")], 4000, 4000),
        ([], None, "now"),
    ],
    ids=["one before", "systemd's word of the start", "a quiet one", "rotated away", "an empty journal"],
)
def test_a_journal_that_begins_after_the_start_says_from_when(
    records: list[tuple[int, str]], oldest: int | None, known_from: float | str | None
) -> None:
    said = [entry(text, at) for at, text in records]
    gap = journal_of(said, entry("any", oldest) if oldest else "")["gap"]
    seen = gap and gap["known_from"]
    assert seen == known_from if known_from != "now" else seen > START_S


def test_what_journald_dropped_is_no_silence() -> None:
    dropped = {"MESSAGE_ID": SUPPRESSED, "N_DROPPED": "48"}
    said = [entry("Started it.", 1001), entry("Suppressed 48 messages from x", 1500, **dropped)]
    gap = journal_of([*said, entry("[INFO]: fine", 1600)])["gap"]
    assert (gap["known_from"], gap["why"]) == (1500, "journald suppressed 48 messages before")
    before = [entry("Suppressed 48 messages from x", 999, **dropped), said[0]]
    assert journal_of(before)["gap"] is None


def test_the_last_words_before_each_end_are_told() -> None:
    """Those of the service itself; also of the last one, after which nothing was started."""
    said = []
    for at, words in ((900, ["a", "b"]), (950, [str(number) for number in range(30)]), (1050, [])):
        said += [entry(text, at) for text in words]
        ends = entry("Main process exited, code=exited, status=1/FAILURE", at + 1, MESSAGE_ID=EXIT)
        again = entry("Scheduled restart job", at + 2, MESSAGE_ID=RESTART)
        said += [json.dumps({**json.loads(line), **BY_SYSTEMD}) for line in (ends, again)]
    exits = journal_of(said[:-1])["exits"]
    assert [(one["time"], [text for _, text in one["words"]]) for one in exits] == [
        (901, ["a", "b"]),
        (951, [str(number) for number in range(20, 30)]),
        (1051, []),
    ]
    assert exits[0]["how"] == "Main process exited, code=exited, status=1/FAILURE"


def test_an_end_that_systemd_finds_in_order_is_one_too() -> None:
    """exit(0), and Restart=always: nothing is told but that it is started again."""
    again = {"MESSAGE_ID": RESTART, **BY_SYSTEMD}
    (found,) = journal_of([entry("bye", 900), entry("Scheduled restart job", 905, **again)])["exits"]
    assert (found["time"], found["how"], found["words"]) == (905, "Scheduled restart job", ((900, "bye"),))


ZONES = {
    "Z": "2026-11-24T03:00:01Z",
    "Z after a space": "2026-11-24 03:00:01 Z",
    "UTC": "2026-11-24 03:00:01 UTC",
    "GMT": "2026-11-24 03:00:01.123 GMT",
    "after a space": "2026-11-24 04:00:01 +0100",
    "after a space, with a colon": "2026-11-24 04:00:01,5 +01:00",
    "hours only, as PostgreSQL has it": "2026-11-24 04:00:01.123+01",
}


@pytest.fixture
def in_kolkata(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A host whose own zone is 5½ hours ahead."""
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("in_kolkata")
@pytest.mark.parametrize("stamp", ZONES.values(), ids=ZONES.keys())
def test_a_zone_is_honoured_wherever_it_stands(tmp_path: Path, stamp: str) -> None:
    found = read_log(tmp_path / "x.log", f"{stamp} [ERROR]: bad\n", written=STARTED + 1)
    assert (int(found["last"][0]["time"] - STARTED), found["undated"], found["zone"]) == (1, False, "")


@pytest.mark.usefixtures("in_kolkata")
def test_a_time_without_a_zone_is_the_hosts_and_that_is_said(tmp_path: Path) -> None:
    found = read_log(tmp_path / "x.log", "2026-11-24 08:30:01 [ERROR]: bad\n", written=STARTED + 1)
    assert (found["last"][0]["time"] - STARTED, found["undated"]) == (1, False)
    assert found["zone"] == "IST (UTC+0530)"


@pytest.mark.usefixtures("in_kolkata")
def test_a_time_of_another_zone_that_it_does_not_name_is_no_time(tmp_path: Path) -> None:
    """A service that writes UTC on a host that has another: by its own words it logged before its start."""
    text = "2026-11-24 09:00:01 [ERROR]: of before, by New York's clock\n2026-11-24 21:00:01 [INFO]: fine\n"
    found = read_log(tmp_path / "x.log", text, written=STARTED + 36_001)
    assert (found["undated"], found["count"], found["zone"]) == (True, 1, "IST (UTC+0530)")


@pytest.mark.parametrize(
    ("first", "known_from"),
    [("2026-11-24T02:00:00Z", None), ("2026-11-24T03:00:30Z", None), ("2026-11-24T05:00:00Z", 7200)],
)
def test_a_log_file_that_begins_after_the_start_says_so(
    tmp_path: Path, first: str, known_from: int | None
) -> None:
    """It was rotated away."""
    found = read_log(tmp_path / "x.log", f"{first} [INFO]: fine\n", written=STARTED + 7300)
    assert (found["gap"] and found["gap"]["known_from"] - STARTED) == known_from


def entry(message: object, at_s: float = 1e-6, **fields: str) -> str:
    """A line of ``journalctl -o json``."""
    at = str(round(at_s * 1e6))
    times = {"__MONOTONIC_TIMESTAMP": at, "__REALTIME_TIMESTAMP": at}
    return json.dumps({"MESSAGE": message, **times, **fields}, ensure_ascii=False)


def printed(lines: Iterable[str]) -> dict[str, Any]:
    """What a program that printed these lines is told to have done."""
    return {"status": 0, "stdout": "\n".join(lines), "stderr": "", "cut": False}
