# ruff: noqa: E501 -- a table reads best with its lines unbroken
"""One cause, and no other, for what was seen; and what it is not, where none is known."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import pytest

from harness.causes.cause import Diagnosis
from harness.causes.facts import (
    Answer,
    ControllerSeen,
    Facts,
    Hops,
    Inside,
    Link,
    Listener,
    Process,
    UnitSeen,
)
from harness.causes.table import CAUSES, diagnose
from harness.infra.start_failure import Said

UNIT = "browser-vm-auth.service"
ENTRY = "/root/vm-browser-agent/server.js"
RUNS = {"Id": UNIT, "LoadState": "loaded", "ActiveState": "active", "SubState": "running", "Result": "success",
        "UnitFileState": "enabled"}  # fmt: skip
AGENT = (Listener("0.0.0.0:8080", "node", 7),)
WELL = Hops(
    process=Process(41, "S", 60_000),
    api="Running",
    tap=Link("fc-vm-12345", up=True, master="fcbr0", sent=9, received=9),
    bridge=Link("fcbr0", up=True, addresses=("192.168.100.1/24",)),
    macs=("06:00:c0:a8:64:03",),
    agent=Answer(8080, "connected", 200, '{"status":"ok"}'),
    ssh=Answer(22, "connected", None, "SSH-2.0-OpenSSH_9.2p1"),
)
REFUSED = Answer(8080, "refused")
MUTE = dataclasses.replace(WELL, agent=Answer(8080, "timeout"), ssh=Answer(22, "timeout"))
UNREACHED = dataclasses.replace(
    WELL, macs=(), agent=Answer(8080, "No route to host"), ssh=Answer(22, "No route to host")
)


def facts(hops: Hops | None = WELL, **more: object) -> Facts:
    return Facts(
        "the VM",
        address="192.168.100.3",
        unit=UNIT,
        entry=ENTRY,
        bridge="fcbr0",
        host_address="192.168.100.1/24",
        tap="fc-vm-12345",
        hops=hops,
        **more,  # type: ignore[arg-type] # as each row has it
    )


def guest(
    *journal: str,
    listeners: tuple[Listener, ...] = (),
    answer: Answer = REFUSED,
    also: Mapping[str, str] = {},
    **more: str,
) -> Facts:
    """A guest whose agent's unit is as RUNS, but for what begins with a capital."""
    given = {**also, **more}
    fields = {key: value for key, value in given.items() if key[0].islower()}
    unit = {**RUNS, **{key: value for key, value in given.items() if key[0].isupper()}}
    inside = Inside(
        units={UNIT: UnitSeen(unit)},
        journal=tuple(Said(line.removeprefix("systemd: "), line.startswith("systemd: ")) for line in journal),
        listeners=listeners,
        processes=frozenset({7}),
        **{"root": "ext4 rw,noatime", **fields},  # type: ignore[arg-type] # as each row has it
    )
    return facts(dataclasses.replace(WELL, agent=answer), inside=inside)


def down(
    *journal: str,
    result: str = "exit-code",
    sub: str = "auto-restart",
    unreadable: tuple[str, ...] = (),
    **more: str,
) -> Facts:
    unit = {"ActiveState": "activating", "SubState": sub, "Result": result}
    seen = guest("systemd: Started agent.", *journal, also={**unit, **more})
    assert seen.inside
    return dataclasses.replace(seen, inside=dataclasses.replace(seen.inside, unreadable=unreadable))


def console(*lines: str) -> Facts:
    return facts(UNREACHED, console=lines)


CRASHED = (
    "systemd: Started agent.",
    "[FATAL] Uncaught Exception: Error: boom",
    f"systemd: {UNIT}: Main process exited, code=exited, status=1/FAILURE",
    f"systemd: {UNIT}: Failed with result 'exit-code'.",
)
ENOUGH = (
    f"systemd: {UNIT}: Scheduled restart job, restart counter is at 5.",
    "systemd: Stopped agent.",
    f"systemd: {UNIT}: Start request repeated too quickly.",
    f"systemd: {UNIT}: Failed with result 'exit-code'.",
    "systemd: Failed to start agent.",
)
LOOPS = ControllerSeen("c.service", "activating, restarted 5 times", False, True, "Error: no DATABASE_URL")
ROWS = {
    "controller.crash_loop": facts(None, controller=LOOPS),
    "controller.down": facts(None, controller=ControllerSeen("c.service", "inactive", False, False)),
    "controller.hangs": facts(
        None, controller=ControllerSeen("c.service", "active", True, False, api="timed out")
    ),
    "snapshot.vmstate_damaged": facts(None, refusal="400: the vmstate file is damaged: CRC64 validation failed"),
    "snapshot.vmstate_missing": facts(
        None, refusal="Load snapshot error: Failed to open snapshot file: No such file or directory (os error 2)"
    ),
    "snapshot.memory_missing": facts(None, refusal="the memory file is not there: No such file"),
    "snapshot.memory_short": facts(None, refusal="memory file is greater then file length"),
    "snapshot.interface_unknown": facts(None, refusal="Unknown Network Device"),
    "boot.initrd_damaged": console(
        "[    1.1] Initramfs unpacking failed: invalid magic at start of compressed archive",
        "[    2.0] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
    ),
    "boot.no_root_device": console(
        "[    2.0] VFS: Cannot open root device \"vdz\" or unknown-block(0,0): error -6",
        "[    2.0] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
    ),
    "boot.no_memory_to_boot": console("[    0.9] Kernel panic - not syncing: System is deadlocked on memory"),
    "boot.kernel_panic": console("[    3.1] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100"),
    "boot.device_missing": console(
        "[ TIME ] Timed out waiting for device dev-vdz.device - /dev/vdz.",
        "[DEPEND] Dependency failed for data.mount - /data.",
        "You are in emergency mode. After logging in, type \"journalctl -xb\"",
    ),
    "boot.emergency_mode": console("You are in emergency mode. After logging in, type \"journalctl -xb\""),
    "boot.out_of_memory": console("[   31.2] Out of memory: Killed process 412 (node) total-vm:1000kB"),
    "boot.disk_error": console("[   12.0] EXT4-fs error (device vda): ext4_lookup:1855: inode #2"),
    "vmm.does_not_start": facts(None, refusal="the VMM of acc-1-1 did not start: it ended with status 1"),
    "vmm.killed": facts(dataclasses.replace(UNREACHED, process=Process(41, "", ended=-9))),
    "vmm.ended": facts(dataclasses.replace(UNREACHED, process=Process(41, "", ended=0, said="exiting"))),
    "vmm.stopped": facts(dataclasses.replace(MUTE, process=Process(41, "T"), api="")),
    "vmm.paused": facts(dataclasses.replace(MUTE, api="Paused")),
    "network.bridge_down": facts(
        dataclasses.replace(UNREACHED, bridge=Link("fcbr0", up=False, addresses=("192.168.100.1/24",)), macs=None)
    ),
    "network.bridge_without_address": facts(
        dataclasses.replace(UNREACHED, bridge=Link("fcbr0", up=True), macs=None)
    ),
    "network.tap_missing": facts(dataclasses.replace(UNREACHED, tap=None)),
    "network.tap_off_bridge": facts(dataclasses.replace(UNREACHED, tap=Link("fc-vm-12345", up=True))),
    "network.tap_down": facts(
        dataclasses.replace(UNREACHED, tap=Link("fc-vm-12345", up=False, master="fcbr0"))
    ),
    "network.wrong_ip_argument": facts(
        dataclasses.replace(UNREACHED, boot_args="console=ttyS0 ip=192.168.100.77::192.168.100.1:255.255.255.0::eth0:off")
    ),
    "network.address_taken": facts(dataclasses.replace(WELL, agent=REFUSED, macs=("02:01", "06:00"))),
    "network.guest_elsewhere": facts(dataclasses.replace(UNREACHED, elsewhere=("192.168.100.77",))),
    "network.requests_dropped": facts(MUTE, rules=("out inet fa017 output: tcp dport 8080 drop",)),
    "network.answers_dropped": facts(MUTE, rules=("back inet fa017 input: tcp sport 8080 drop",)),
    "network.guest_silent": facts(UNREACHED),
    "agent.port_is_anothers": guest(
        listeners=(Listener("0.0.0.0:8080", "python3", 99),), answer=Answer(8080, "connected", 404, "File not found")
    ),
    "agent.listens_on_loopback": guest(listeners=(Listener("127.0.0.1:8080", "node", 7),)),
    "agent.port_is_dropped": guest(listeners=AGENT, answer=Answer(8080, "timeout")),
    "agent.hangs": guest(listeners=AGENT, answer=Answer(8080, "connected")),
    "agent.answers_badly": guest(listeners=AGENT, answer=Answer(8080, "connected", 503, "busy")),
    "agent.file_system_read_only": down("Error: EROFS: read-only file system", root="ext4 ro,noatime"),
    "agent.unit_missing": guest(LoadState="not-found", ActiveState="inactive", SubState="dead", UnitFileState=""),
    "agent.unit_masked": guest(LoadState="masked", ActiveState="inactive", SubState="dead", UnitFileState="masked"),
    "agent.unit_refused": guest(LoadState="bad-setting", ActiveState="inactive", SubState="dead"),
    "agent.exec_failed": down(
        f"systemd: {UNIT}: Failed at step EXEC spawning /usr/bin/node18: No such file or directory"
    ),
    "agent.directory_missing": down(
        f"systemd: {UNIT}: Failed at step CHDIR spawning /bin/sleep: No such file or directory",
        WorkingDirectory="/srv/agent",
    ),
    "agent.user_missing": down(
        f"systemd: {UNIT}: Failed at step USER spawning /bin/sleep: No such process", User="browser"
    ),
    "agent.environment_file_missing": down(
        f"systemd: {UNIT}: Failed to load environment files: No such file or directory",
        result="resources",
        unreadable=("/root/agent.env",),
    ),
    "agent.memory_limit": down(
        f"systemd: {UNIT}: Failed with result 'oom-kill'.", result="oom-kill", MemoryMax="8388608"
    ),
    "agent.entry_missing": down(f"Error: Cannot find module '{ENTRY}'"),
    "agent.module_missing": down("Error: Cannot find module './http'"),
    "agent.syntax_error": guest(
        ActiveState="inactive", SubState="dead", checked="SyntaxError: Unexpected token '='"
    ),
    "agent.environment_line_refused": down(
        "systemd: Ignoring invalid environment assignment 'export MODE=1': /root/agent.env",
        "Error: MODE is not set",
    ),
    "agent.given_up": guest(
        "systemd: Started agent.", "Error: boom", ActiveState="failed", SubState="failed", Result="start-limit-hit"
    ),
    "agent.never_started_yet": guest(ActiveState="activating", SubState="start-pre"),
    "agent.crashes": down("[FATAL] Uncaught Exception: Error: boom"),
    "agent.not_enabled": guest(ActiveState="inactive", SubState="dead", UnitFileState="disabled"),
    "agent.stopped": guest(ActiveState="inactive", SubState="dead"),
    "agent.does_not_listen": guest(),
    "controller.gave_up": facts(WELL, refusal="VM health check timeout after 0 s"),
}  # fmt: skip


def named(diagnosis: Diagnosis) -> str:
    return diagnosis.cause.name if diagnosis.cause else "none"


@pytest.mark.parametrize(("name", "seen"), ROWS.items(), ids=ROWS)
def test_what_was_seen_has_this_cause(name: str, seen: Facts) -> None:
    diagnosis = diagnose(seen)
    assert named(diagnosis) == name
    assert diagnosis.found.seen
    assert diagnosis.text.startswith(f"{name}: {diagnosis.cause and diagnosis.cause.means}: ")


@pytest.mark.parametrize(
    ("name", "named_too"),
    [
        ("agent.directory_missing", "the unit has WorkingDirectory=/srv/agent"),
        ("agent.user_missing", "the unit has User=browser"),
        ("agent.environment_file_missing", "it cannot read /root/agent.env"),
        ("agent.environment_line_refused", "a line of /root/agent.env; what it sets: MODE"),
    ],
)
def test_what_systemd_leaves_out_is_named(name: str, named_too: str) -> None:
    assert named_too in diagnose(ROWS[name]).found.seen


def test_every_cause_is_told_from_something() -> None:
    """And no name is there twice."""
    assert {cause.name for cause in CAUSES} == ROWS.keys()
    assert len(CAUSES) == len(ROWS)


@pytest.mark.parametrize(
    "seen",
    [
        facts(),
        facts(None),
        facts(WELL, console=("[    0.0] Linux version 6.1", "localhost login:")),
        guest(listeners=AGENT, answer=Answer(8080, "connected", 200)),
        facts(None, controller=ControllerSeen("c.service", "active, restarted 0 times", True, False)),
        facts(UNREACHED, rules=("out inet x output: tcp dport 9 drop",), console=()).__class__("nobody"),
    ],
    ids=["well", "not asked", "a console at rest", "a guest that is well", "a controller that is", "nothing"],
)
def test_what_is_well_or_unknown_has_none(seen: Facts) -> None:
    assert named(diagnose(seen)) == "none"


@pytest.mark.parametrize(
    ("seen", "name"),
    [
        # A VM on the bridge whose kernel was told another address, and took the one that it is asked at.
        (facts(dataclasses.replace(WELL, agent=REFUSED, boot_args="ip=192.168.100.77::")), "none"),
        # A kernel that is told no address: whoever is silent is silent for another reason.
        (facts(dataclasses.replace(UNREACHED, boot_args="ip=dhcp")), "network.guest_silent"),
        # A cgroup's end is the unit's, and not that of a VM without memory.
        (console("Memory cgroup out of memory: Killed process 7 (node)"), "network.guest_silent"),
        # A TAP of a namespace of our own is no port of any bridge.
        (
            dataclasses.replace(
                facts(dataclasses.replace(WELL, agent=REFUSED, tap=Link("vmtap0", up=True), bridge=None)), bridge=""
            ),
            "none",
        ),
        # A rule that stops what is not what we sent: the connection was taken.
        (facts(dataclasses.replace(WELL, agent=Answer(8080, "connected")), rules=("out a: drop",)), "none"),
        # Somebody else listens beside the agent, at another address of the same port.
        (guest(listeners=(*AGENT, Listener("127.0.0.1:8080", "x", 9)), answer=Answer(8080, "connected", 503)),
         "agent.answers_badly"),
        # It was stopped while it had an error long ago: the latest start counts.
        (guest("Error: old", "systemd: Started agent.", "listening", ActiveState="inactive", SubState="dead"),
         "agent.stopped"),
        # Of one that crashed until systemd had enough systemd 252 says the result of its last crash.
        (guest(*CRASHED, *ENOUGH, ActiveState="failed", SubState="failed", Result="exit-code"),
         "agent.given_up"),
        # Somebody has started it by hand since then, without an automatic restart.
        (guest(*CRASHED, *ENOUGH, *CRASHED, ActiveState="failed", SubState="failed", Result="exit-code"),
         "agent.crashes"),
        # One that its limit keeps from all work has not been killed yet.
        (guest(MemoryMax="12582912", MemoryCurrent="12500992", memory_wait=91.0),  # type: ignore[arg-type]
         "agent.memory_limit"),
        # systemd before 258 keeps the runbook's directive apart from the one that it says instead.
        (guest(MemoryMax="infinity", MemoryLimit="12582912", MemoryCurrent="12500992", memory_wait=91.0),  # type: ignore[arg-type]
         "agent.memory_limit"),
        # And heeds it only where the other is not set.
        (guest(MemoryMax="536870912", MemoryLimit="12582912", MemoryCurrent="12500992", memory_wait=91.0),  # type: ignore[arg-type]
         "agent.does_not_listen"),
        # Far below its limit it waits because the VM has too little; so it may where the guest does not tell.
        (guest(MemoryMax="536870912", MemoryCurrent="62914560", memory_wait=91.0),  # type: ignore[arg-type]
         "agent.does_not_listen"),
        (guest(MemoryMax="12582912", MemoryCurrent="[not set]", memory_wait=91.0),  # type: ignore[arg-type]
         "agent.does_not_listen"),
        # Without a limit of its own it is the VM that has too little; and who waits little is not kept.
        (guest(MemoryMax="infinity", memory_wait=91.0), "agent.does_not_listen"),  # type: ignore[arg-type]
        (guest(MemoryMax="12582912", MemoryCurrent="12582912", memory_wait=3.0), "agent.does_not_listen"),  # type: ignore[arg-type]
        # What fails between fork and exec is gone before its words are known to be the unit's; systemd's are.
        (down(f"systemd: {UNIT}: Control process exited, code=exited, status=217/USER",
              f"systemd: {UNIT}: Failed with result 'exit-code'.", "systemd: Failed to start agent.",
              f"systemd: {UNIT}: Scheduled restart job, restart counter is at 6.", "systemd: Stopped agent."),
         "agent.user_missing"),
        (down(f"systemd: {UNIT}: Main process exited, code=exited, status=200/CHDIR"), "agent.directory_missing"),
        (down(f"systemd: {UNIT}: Main process exited, code=exited, status=203/EXEC"), "agent.exec_failed"),
        # An agent that says such words is no systemd.
        (down("process exited, code=exited, status=203/EXEC"), "none"),
        # So does it where systemd itself complained of an earlier one.
        (guest(f"systemd: {UNIT}: Failed at step EXEC spawning /x: No such file", "systemd: Started agent.",
               f"systemd: {UNIT}: Failed with result 'exit-code'.", "systemd: Started agent.", "waiting"),
         "agent.does_not_listen"),
        (guest(f"systemd: {UNIT}: Failed with result 'oom-kill'.", "systemd: Started agent.", NRestarts="0"),
         "agent.does_not_listen"),
        # But one of a loop that has said nothing yet will end as the one before.
        (down(f"systemd: {UNIT}: Failed with result 'oom-kill'.", f"systemd: {UNIT}: Scheduled restart job, x.",
              "systemd: Starting agent...", sub="start-pre", NRestarts="4"),
         "agent.memory_limit"),
        # What is complained of before systemd says that it has started it is said of that start.
        (guest("systemd: Ignoring invalid environment assignment 'export A=1': /e", "systemd: Started agent.",
               "no A", NRestarts="0"),
         "agent.environment_line_refused"),
        # Options of a mount are no trouble, nor is a memory disk that was not needed, nor a second console.
        (console("EXT4-fs (vda): re-mounted. Opts: errors=remount-ro"), "network.guest_silent"),
        (console("EXT4-fs (vda): mounted filesystem with ordered data mode. Opts: errors=remount-ro"),
         "network.guest_silent"),
        (console("Initramfs unpacking failed: Decoding failed", "localhost login:"), "network.guest_silent"),
        (console("localhost login:", "Timed out waiting for device /dev/ttyS1."), "network.guest_silent"),
        (facts(dataclasses.replace(WELL, agent=REFUSED), console=("Timed out waiting for device /dev/ttyS1.",)),
         "none"),
        # An agent whose processes are not known is not taken for another.
        (dataclasses.replace(
            busy := guest(listeners=AGENT, answer=Answer(8080, "connected", 503, "busy")),
            inside=dataclasses.replace(busy.inside or Inside({}), processes=frozenset())),
         "agent.answers_badly"),
        # Who listens for a container may do so for the agent, where its unit runs; systemd does for its units.
        (guest(listeners=(Listener("0.0.0.0:8080", "docker-proxy", 9),), answer=Answer(8080, "connected", 503)),
         "agent.answers_badly"),
        (guest(listeners=(Listener("0.0.0.0:8080", "docker-proxy", 9),), answer=Answer(8080, "connected", 404),
               ActiveState="failed", SubState="failed"), "agent.port_is_anothers"),
        (guest(listeners=(Listener("0.0.0.0:8080", "systemd", 1),), answer=Answer(8080, "connected"),
               ActiveState="failed", SubState="failed"), "agent.hangs"),
        # A launch's error is the controller's, whatever did not start.
        (facts(None, refusal="the browser did not start: no display"), "none"),
        # Data has syntax, too, and so has what is no file.
        (down("SyntaxError: Unexpected end of JSON input"), "agent.crashes"),
        (down("/root/s.js:3", "throw e", "^", "SyntaxError: Unexpected end of JSON input"), "agent.crashes"),
        (down("/root/s.js:3", "a = = b", "^", "SyntaxError: Unexpected token '='"), "agent.syntax_error"),
        # A root that is read-only by design.
        (down("Error: boom", root="squashfs ro,relatime"), "agent.crashes"),
        (dataclasses.replace(guest(root="ext4 ro,noatime"), console=("EXT4-fs (vda): Remounting filesystem read-only",)),
         "boot.disk_error"),
        # An address with another length of its network is that address.
        (facts(dataclasses.replace(
            UNREACHED, bridge=Link("fcbr0", up=True, addresses=("192.168.100.1/16",)))), "network.guest_silent"),
    ],
)  # fmt: skip
def test_what_looks_alike_is_told_apart(seen: Facts, name: str) -> None:
    assert named(diagnose(seen)) == name


def test_of_a_line_of_an_environment_the_name_alone_is_told() -> None:
    said = "systemd: Ignoring invalid environment assignment '%s': /root/agent.env"
    text = diagnose(down(said % "export DB_PASSWORD=hunter2's")).text
    assert "DB_PASSWORD" in text
    assert "/root/agent.env" in text
    assert "hunter2" not in text
    assert "c2VjcmV0" not in diagnose(down(said % "c2VjcmV0/cw==")).text


def test_without_a_cause_it_says_what_it_is_not_and_what_was_not_asked() -> None:
    """What was not asked excludes nothing."""
    text = diagnose(dataclasses.replace(facts(), unknown={"guest": "no way in"})).text
    assert "network.tap_down" in text
    assert "agent.crashes" not in text
    assert "not asked: guest: no way in" in text


def test_what_mends_it_is_told_where_it_is_known() -> None:
    text = diagnose(ROWS["network.tap_off_bridge"]).text
    assert text.endswith("mend (nothing was changed):\n  sudo ip link set fc-vm-12345 master fcbr0")


REFUSAL = """acc-5a-1 could not be made: Firecracker: the snapshot has no network interface: Unknown Network Device.
    it answered 400 to PUT /snapshot/load: Load snapshot error: Failed to restore: Unknown Network Device.
    asked: PUT /snapshot/load {"resume_vm": false}"""


def test_a_refusal_is_told_by_the_vmms_words_once() -> None:
    """Not by what was made of them, which the cause says already."""
    assert diagnose(facts(None, refusal=REFUSAL)).found.seen == (
        "the VMM answered 400 to PUT /snapshot/load: Load snapshot error: Failed to restore: Unknown Network Device."
    )


def test_an_sshd_that_listens_in_emergency_mode_lets_nobody_in() -> None:
    """What the boot waited for is the cause there, and not that it stopped."""
    told = (*WAITED_IN_VAIN, 'You are in emergency mode. After logging in, type "journalctl -xb"')
    listens = dataclasses.replace(UNREACHED, ssh=WELL.ssh)
    stopped = diagnose(dataclasses.replace(facts(listens), console=told)).cause
    assert stopped is not None
    assert stopped.name == "boot.device_missing"
    goes_on = diagnose(dataclasses.replace(facts(listens), console=WAITED_IN_VAIN)).cause
    assert goes_on is None or goes_on.name != "boot.device_missing"


WAITED_IN_VAIN = (
    "[ TIME ] Timed out waiting for device dev-vdz.device - /dev/vdz.",
    "[DEPEND] Dependency failed for data.mount - /data.",
)
