"""The controller: of all services of a host the one that makes VMs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from harness.survey.answer import Answer, Answers, Found, Open, several, the_one
from harness.survey.ids import id_in, named_by, named_in
from harness.survey.seen import HostSeen, Service, Vmm
from harness.survey.vmms import id_of

_LOOK = "the unit that makes VMs: `systemctl list-units --type=service`"
_STARTS_ANYTHING = re.compile(
    r"(user@\d+|ssh|sshd|ssh@.*|sshd@.*|dropbear|cron|crond|atd|docker|containerd|podman|(serial-)?getty@.*|systemd-.*)"
    r"\.service"
)
"""Units in whose control group there is whatever somebody started by them."""
_DATED = re.compile(r"\d{4}[-_.]?\d\d[-_.]?\d\d")
_LOOK_URL = "where its API listens on the host, as http://127.0.0.1:4000"


def controller(seen: HostSeen) -> Answers:
    """Its unit, its API and its log file."""
    services = {one.name: one for one in seen.told.services}
    unit = _unit(seen)
    if not isinstance(unit, Found):
        return {
            "unit": unit,
            "url": Open(_LOOK_URL),
            "health_path": Open("a path that answers 200 when it is up"),
        }
    service = services[str(unit.value)]
    return {"unit": unit, **_api(service), "log_file": _log_file(service, seen)}


def marks(seen: HostSeen, unit: Answer, patterns: tuple[str, ...]) -> Answer:
    """Whether the journal of the controller says of launches what the runbook's does."""
    service = next(
        (one for one in seen.told.services if isinstance(unit, Found) and one.name == unit.value), None
    )
    look = "what the controller's journal says of a launch, in this order, each line naming the VM"
    if service is None or not any(service.marked.get(one) for one in patterns):
        return Open(
            f"{look}; nothing in its journal is as the runbook has it: launch a session, and look again"
        )
    lacking = [one for one in patterns if not service.marked.get(one)]
    if lacking:
        return Open(f"{look}; of the runbook's, its journal has none like {' nor '.join(lacking)}")
    counts = ", ".join(str(service.marked[one]) for one in patterns)
    return Found(list(patterns), f"journalctl -u {service.name}: {counts} lines")


def _unit(seen: HostSeen) -> Answer:
    """By the strongest evidence that any service has; where several have it, that is open."""
    makers = [
        one
        for one in seen.told.services
        if not _is_a_vms(one, seen) and not _STARTS_ANYTHING.fullmatch(one.name)
    ]
    for evidence in (_parent(seen), _marked, _speaks, _called):
        told = [Found(one.name, why) for one in makers if (why := evidence(one))]
        if told:
            return the_one(told, _LOOK)
    return Open(_LOOK + seen.told.lacks("services"))


def _is_a_vms(service: Service, seen: HostSeen) -> bool:
    """Whether a unit is that of one VM, as ``firecracker@<id>.service`` is."""
    own = [one for one in seen.vmms if one.opened.unit == service.name]
    return any(one.process.pid == service.pid or _names(service, one) for one in own)


def _names(service: Service, vmm: Vmm) -> bool:
    """Whether a unit is called after a VM: then its main process may as well be a jailer that waits."""
    _, _, instance = service.name.removesuffix(".service").partition("@")
    return instance != "" and instance in {vmm.word("--id"), *named_by(vmm.api_socket or "")}


def _parent(seen: HostSeen) -> Callable[[Service], str]:
    def reason(service: Service) -> str:
        own = [one for one in seen.vmms if one.opened.unit == service.name and not one.is_ours]
        return f"VMM {own[0].told} is in its control group" if own else ""

    return reason


def _marked(service: Service) -> str:
    said = sum(service.marked.values())
    return f"journalctl -u {service.name}: {said} lines of launches" if said else ""


def _speaks(service: Service) -> str:
    """One that makes VMs names Firecracker's API or its sockets in its sources."""
    words = ("/snapshot/load", "api-sock", "api_sock", "firecracker")
    one = next((one for one in service.mentions if any(word in one.text.lower() for word in words)), None)
    return f"{one.where}: {one.text}" if one else ""


def _called(service: Service) -> str:
    named = service.name in ("master-controller.service", "controller.service")
    return "its name" if named else ""


def _api(service: Service) -> Answers:
    answering = list(_healthy(service))
    if answering:
        url = the_one((url for url, _ in answering), _LOOK_URL)
        path = the_one((path for _, path in answering), "a path that answers 200 when it is up")
        return {"url": url, "health_path": path if isinstance(url, Found) else Open("its health path")}
    places = several(list(service.listens))
    heard = (
        f"; it listens on {places}, and none of them answered 200 to HTTP"
        if places
        else "; no TCP port of it was seen"
    )
    return {"url": Open(_LOOK_URL + heard), "health_path": Open("a path that answers 200 when it is up")}


def _healthy(service: Service) -> Iterator[tuple[Found, Found]]:
    for at, path in service.healthy.items():
        seen = f"ss -ltnp, {service.name}; GET {path} answered 200"
        yield Found(f"http://{at}", seen), Found(path, seen)


def _log_file(service: Service, seen: HostSeen) -> Answer:
    """Not those of VMs, that it may hold open, too, and none that is another one tomorrow."""
    look = "a log file beside the journal; none is open in it, and its sources were not found"
    vms = [vm_id for one in seen.vmms if (vm_id := id_of(one))]
    logs = [one for one in service.log_files if not id_in(one.text, vms) and not named_in(one.text)]
    if not service.log_files and service.mentions:
        return Found("none", f"{service.name} has no *.log open, and its sources name none that is there")
    if service.log_files:
        named = several([one.text for one in service.log_files])
        look = f"which of its log files tells what the journal does, where one does: {named}"
    dated = any(_DATED.search(one.text) for one in logs)
    return Open(look) if dated else the_one((Found(one.text, one.where) for one in logs), look)
