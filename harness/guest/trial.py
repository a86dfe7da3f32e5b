"""The agent started anew under our preload, again and again: each time something else is thrown in it.

systemd itself starts it again, at once, and the preload in each process takes the next row: nothing goes to
and fro between us and the guest meanwhile, and a start costs what the agent's own start does.
"""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from harness.answers import read_as, read_json, reading
from harness.errors import TransportError
from harness.guest.drop_in import restarted_with
from harness.guest.preload import Process, program, read_records
from harness.site.profile import GuestSection
from harness.text import ending
from harness.values import natural
from harness.vm.machine import Vm

EXIT_S = 5.0
"""What an agent is in trouble by must have ended it within this time."""

_FOLDER = "/run/acceptance-preload"
_LAST_S = 30.0
_RECOVERIES, _STARTS = 3, 20
"""All rows have the time of so many recoveries, or of so many starts like the first, whichever is longer."""
_WHOSE = "the guest's trial of the agent's handlers"


@dataclass(frozen=True)
class Row:
    """One thing that is done to an agent: what, and in which way."""

    way: str
    what: str
    value: str
    """What is thrown."""
    held: bool = False
    """Whether a connection to the agent is open meanwhile."""
    crowd: bool = False
    """Whether a second error comes while it is handled, and a third a moment later."""

    def __str__(self) -> str:
        return f"{self.way} {self.what}"


THROWN, REJECTED, EMITTED = "thrown", "rejected", "emitted"
CROWD = "Error, a second while it is handled, a third soon after"
_VALUES = ("undefined", "string", "null", "object", "Error with a code", "AggregateError")
SERVER_ERROR = Row(EMITTED, "error of the server", "Error", held=True)
ROWS = (
    SERVER_ERROR,
    *(Row(way, CROWD, "Error", held=True, crowd=True) for way in (THROWN, REJECTED)),
    *(Row(way, value, value) for value in _VALUES for way in (THROWN, REJECTED)),
    *(Row(way, "Error", "Error", held=True) for way in (THROWN, REJECTED)),
)
"""All that is tried, in this order. The last ones are known from the first, where those ended the agent
at once: then nothing but their first error was thrown."""


@dataclass(frozen=True)
class Exit:
    """An end of the unit's main process as systemd saw it."""

    at_s: float
    code: str
    """``exited``, ``killed`` or ``dumped``."""
    status: str


@dataclass(frozen=True)
class Trial:
    """What came of it.

    :param stuck: rows whose process had to be killed from outside: nothing ran in it any more.
    :param living: rows whose process still ran when the time for all of it was over.
    """

    processes: Sequence[Process]
    exits: Sequence[Exit]
    stuck: frozenset[str] = frozenset()
    living: frozenset[str] = frozenset()

    def tried_in(self, row: Row) -> Process | None:
        """The process in which a row was carried out."""
        named = (one for one in self.processes if one.tried and one.tried.told.get("row") == str(row))
        return next(named, None)

    def crowd_of(self, row: Row) -> Process | None:
        """The process that ended by a crowd's first error, before the second came: of this row's value."""
        crowds = (one for one in ROWS if one.crowd and (one.way, one.value) == (row.way, row.value))
        found = (self.tried_in(one) for one in crowds)
        return next((one for one in found if one and not one.of("crowded") and not one.of("alive")), None)

    def listened(self, port: int) -> Process | None:
        """The first process that served the port."""
        return next((one for one in self.processes if one.listening(port)), None)

    def exit_of(self, process: Process) -> Exit | None:
        """How systemd saw it end, where it started it itself, once something was thrown in it."""
        if process.parent != 1 or process.tried is None:
            return None
        begun = process.tried.at_s
        later = [one.records[0].at_s for one in self.processes if one.records[0].at_s > begun]
        until = min(later, default=float("inf"))
        return next((one for one in self.exits if begun < one.at_s < until), None)


def try_handlers(vm: Vm, words: str, *, node_options: str = "") -> Trial:
    """Carry out all rows, in the time that this may take; which were not is seen in what comes back.

    :param words: what each error says.
    :param node_options: what the agent had of them.
    :raises TransportError: the guest cannot be asked, or told what cannot be read.
    """
    site = vm.hypervisor.site
    script = "\n".join(
        (
            f"unit={shlex.quote(site.agent.unit)}",
            _laid_down(settings(site.agent.port, site.agent.health_path, words, within_s=EXIT_S)),
            _restarted(node_options),
            _DRIVE.format(
                folder=_FOLDER,
                rows=len(ROWS),
                budget=round(_RECOVERIES * site.guest.recovery_s),
                starts=_STARTS,
                first=round(site.guest.recovery_s),
                spare=round(2 * EXIT_S),
            ),
            _COLLECT.format(folder=_FOLDER, most=2 * len(ROWS)),
        )
    )
    done = vm.script(script, timeout_s=longest_trial_s(site.guest))
    if done.status != 0:
        raise TransportError(
            f"{vm.name}: the agent could not be started under a preload (status {done.status}): "
            f"{ending((done.stderr or done.stdout).strip(), 500)}",
            hint="is there room in /run of the guest, and are systemctl and journalctl there?",
        )
    return read_trial(done.stdout)


def longest_trial_s(guest: GuestSection) -> float:
    """How long all rows may take where the agent's first start takes as long as a recovery may."""
    return max(_RECOVERIES, _STARTS) * guest.recovery_s + guest.recovery_s + _LAST_S


def settings(port: int, path: str, words: str, *, within_s: float, rows: Sequence[Row] = ROWS) -> str:
    """What the preload is told, as it is laid down beside it.

    :param path: what is asked of the agent, once it listens on the port, over a connection that stays open.
    :param words: what each error says.
    :param within_s: what has not ended by then is ended by the preload.
    """
    told = [dataclasses.asdict(row) for row in rows]
    limit_ms = round(within_s * 1000)
    return json.dumps({"port": port, "path": path, "within_ms": limit_ms, "words": words, "rows": told})


def read_trial(text: str) -> Trial:
    """What the guest told: a letter before each line says what it is.

    :raises UnreadableError: it cannot be read.
    """
    lines = [line.partition(" ") for line in text.split("\n") if line]
    told = {letter: [rest for key, _, rest in lines if key == letter] for letter in "RJKL"}
    stuck, living = (frozenset(told[letter]) - {""} for letter in "KL")
    return Trial(read_records(told["R"]), [_exit(line) for line in told["J"] if line], stuck, living)


def _exit(line: str) -> Exit:
    with reading(_WHOSE):
        row = read_as(dict[str, object], read_json(line, whose=_WHOSE), whose=_WHOSE)
        at_s = natural(row["__MONOTONIC_TIMESTAMP"], whose=_WHOSE) / 1e6
        return Exit(at_s, str(row.get("EXIT_CODE", "")), str(row.get("EXIT_STATUS", "")))


def _laid_down(settings: str) -> str:
    """Shell that lays down the preload, and folders that the agent may write to, whoever it runs as."""
    return f"""
        rm -rf {_FOLDER} && mkdir -p {_FOLDER} || exit 1
        mkdir -m 1777 {_FOLDER}/records {_FOLDER}/rows {_FOLDER}/alive {_FOLDER}/crowds || exit 1
        chmod 755 {_FOLDER}
        printf %s {shlex.quote(program())} >{_FOLDER}/preload.cjs
        printf %s {shlex.quote(settings)} >{_FOLDER}/settings.json
        chmod 644 {_FOLDER}/preload.cjs {_FOLDER}/settings.json
    """


def _restarted(node_options: str) -> str:
    """Shell that restarts the agent under the preload, by a systemd that starts it again whatever it did."""
    options = f"--require {_FOLDER}/preload.cjs {node_options}".strip()
    service = [
        "Restart=always",
        "RestartSec=0",
        "RestartPreventExitStatus=",
        f"ReadWritePaths=-{_FOLDER}",
        "TimeoutStopSec=2",
    ]
    return restarted_with({"NODE_OPTIONS": options}, service=service, unit=["StartLimitIntervalSec=0"])


_DRIVE = """
    now() {{ read -r up _ </proc/uptime; up=${{up%.*}}; }}
    now; begun=$up; since=$up; taken=0; patience={first}; budget={budget}
    while [ $taken -eq 0 ] || [ $((up - begun)) -lt $budget ]; do
        sleep 1; now
        set -- {folder}/rows/*
        [ -e "$1" ] || shift
        if [ $# -gt $taken ]; then
            if [ $taken -eq 0 ]; then
                patience=$((2 * (up - begun) + {spare}))
                starts=$(({starts} * (up - begun + 1)))
                [ $starts -le $budget ] || budget=$starts
            fi
            taken=$#; since=$up
        elif [ $((up - since)) -gt $patience ]; then
            [ $taken -gt 0 ] || break
            row=$(ls -t {folder}/rows | head -n 1)
            read -r pid <"{folder}/rows/$row"
            if [ -d "/proc/$pid" ] || [ $((up - since)) -gt {first} ]; then
                printf '%s\n' "$row" >>{folder}/stuck; : >"{folder}/alive/$row"
                systemctl kill --kill-who=all -s KILL "$unit"
                since=$up
            fi
        fi
        if [ -e {folder}/alive/last ]; then
            read -r last <{folder}/alive/last
            [ -d "/proc/$last" ] || break
        fi
    done
    journalctl --sync 2>/dev/null || :
"""
"""A row that nothing came after for so long that its process must hang is ended from here; one whose process
is gone, once nobody can be about to start it again."""

_COLLECT = """
    ended=$(journalctl -b UNIT="$unit" COMMAND=ExecStart -n {most} -o json --no-pager --quiet \\
        --output-fields=EXIT_CODE,EXIT_STATUS) || exit 3
    printf '%s\n' "$ended" | sed 's/^/J /'
    [ ! -e {folder}/stuck ] || sed 's/^/K /' {folder}/stuck
    for row in {folder}/rows/*; do
        [ -e "$row" ] && read -r pid <"$row" && [ -d "/proc/$pid" ] && printf 'L %s\n' "${{row##*/}}"
    done
    set -- {folder}/records/*
    [ ! -e "$1" ] || awk '{{ print "R " $0 }}' "$@" || exit 4
    systemctl stop --no-block "$unit"
"""
