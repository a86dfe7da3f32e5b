"""Which method and path does what: the API description, one entry a call."""

import string
import traceback
from collections.abc import Callable
from typing import Any

from msgspec import json

from lab.vmm import bodies
from lab.vmm.faults import FatalFault, Fault, not_offered
from lab.vmm.http import Request, render
from lab.vmm.json_text import decode, decode_any
from lab.vmm.resources import machine_shown
from lab.vmm.server import Reply
from lab.vmm.version import APP_NAME, VERSION
from lab.vmm.vmm import Vmm

ID_LETTERS = frozenset(string.ascii_letters + string.digits + "_")
NOT_OFFERED = {
    "balloon": ("A balloon device", ("GET", "PUT", "PATCH")),
    "vsock": ("A vsock device", ("PUT",)),
    "cpu-config": ("A CPU configuration", ("PUT",)),
    "pmem": ("A pmem device", ("PUT", "PATCH")),
    "hotplug": ("Memory hotplug", ("GET", "PUT", "PATCH")),
}
"""What Firecracker has at these paths, and the methods that it knows there."""
EXACT = {("PUT", "mmds")}
"""Where a second segment that is not known is refused."""


class Router:
    """Answers requests for one VMM."""

    def __init__(self, vmm: Vmm) -> None:
        self._vmm = vmm
        self._deprecated = False
        self._routes: dict[tuple[str, str], Callable[[bytes], Any]] = {
            ("GET", ""): self._instance,
            ("GET", "version"): lambda _: {"firecracker_version": VERSION},
            ("GET", "vm/config"): lambda _: vmm.machine.resources.export(),
            ("GET", "machine-config"): lambda _: machine_shown(vmm.machine.resources.machine),
            ("GET", "mmds"): lambda _: vmm.mmds_get(),
            ("PUT", "machine-config"): self._put_machine,
            ("PATCH", "machine-config"): self._patch_machine,
            ("PUT", "boot-source"): self._put_boot,
            ("PUT", "entropy"): self._put_entropy,
            ("PUT", "mmds/config"): self._put_mmds_config,
            ("PUT", "mmds"): lambda b: vmm.mmds_put(decode_any(b)),
            ("PATCH", "mmds"): lambda b: vmm.mmds_patch(decode_any(b)),
            ("PUT", "serial"): lambda b: vmm.put_serial(decode(b, bodies.Serial)),
            ("PUT", "logger"): lambda b: vmm.put_logger(decode(b, bodies.Logger)),
            ("PUT", "metrics"): lambda b: vmm.put_metrics(decode(b, bodies.Metrics)),
            ("PUT", "actions"): lambda b: vmm.act(decode(b, bodies.Action)),
            ("PATCH", "vm"): lambda b: vmm.set_state(decode(b, bodies.VmState)),
            ("PUT", "snapshot/create"): lambda b: vmm.machine.create_snapshot(
                decode(b, bodies.SnapshotCreate)
            ),
            ("PUT", "snapshot/load"): self._load,
        }
        self._item_routes: dict[tuple[str, str], Callable[[str, bytes], Any]] = {
            ("PUT", "drives"): self._put_drive,
            ("PATCH", "drives"): self._patch_drive,
            ("PUT", "network-interfaces"): self._put_nic,
            ("PATCH", "network-interfaces"): self._patch_nic,
        }

    def answer(self, request: Request) -> Reply:
        """One request, one reply; a failed load also says that the process ends."""
        self._vmm.log.info(
            f'The API server received a {request.method} request on "{request.path}".', "fc_api"
        )
        self._deprecated = False
        try:
            result = self._dispatch(request)
            body = json.encode(result) if request.method == "GET" else b""
        except Fault as fault:
            return self._fault(fault)
        except Exception as error:  # noqa: BLE001 (a fault of ours in one request is not the machine's end)
            return self._broken(error)
        status, words = (200, "OK") if body else (204, "No Content")
        self._vmm.log.info(f"The request was executed successfully. Status code: {status} {words}.", "fc_api")
        return Reply(render(status, body, deprecated=self._deprecated))

    def _broken(self, error: Exception) -> Reply:
        """What the API description keeps for the VMM's own faults."""
        self._vmm.log.error(f"Internal error: {''.join(traceback.format_exception(error))}", "fc_api")
        return self._fault(Fault("Internal error of the VMM; its log has more.", status=500))

    def _fault(self, fault: Fault) -> Reply:
        self._vmm.log.error(
            f"Received Error. Status code: {fault.status} Bad Request. Message: {fault}", "fc_api"
        )
        body = json.encode({"fault_message": str(fault)})
        reply = render(fault.status, body, deprecated=self._deprecated)
        return Reply(reply, exit_code=1 if isinstance(fault, FatalFault) else None)

    def _dispatch(self, request: Request) -> Any:
        path = request.path.strip("/")
        if request.method == "GET" and request.body:
            raise Fault("GET request cannot have a body.")
        if request.method in ("PUT", "PATCH") and not request.body:
            raise Fault(f"Empty {request.method} request.")
        return self._find(request.method, path)(request.body)

    def _find(self, method: str, path: str) -> Callable[[bytes], Any]:
        """One or two segments choose; like Firecracker, whatever follows them is not looked at."""
        first, second, *_ = *path.split("/"), ""
        for name in (f"{first}/{second}", first):
            if (method, name) in self._routes and (name == path or (method, name) not in EXACT):
                return self._routes[method, name]
        item = self._item_routes.get((method, first))
        if item is not None:
            return lambda body: item(_identifier(second), body)
        if method in NOT_OFFERED.get(first, ("", ()))[1]:
            return _refuse(NOT_OFFERED[first][0])
        if (method, first) in EXACT:
            raise Fault(f"Unrecognized {method} request path `{second}`.")
        if (method, first) == ("PUT", "snapshot"):
            raise Fault(
                f"Invalid request method and/or path: PUT /{path}."
                if second
                else "Missing snapshot operation type."
            )
        if method == "DELETE" and first in ("drives", "network-interfaces", "pmem"):
            return _refuse("Hot-unplug")
        raise Fault(f"Invalid request method and/or path: {method} {first}.")

    def _instance(self, _: bytes) -> dict[str, str]:
        return {
            "id": self._vmm.instance,
            "state": self._vmm.machine.state,
            "vmm_version": VERSION,
            "app_name": APP_NAME,
        }

    def _put_boot(self, body: bytes) -> None:
        source = decode(body, bodies.BootSource)
        self._vmm.configure("Boot source error", lambda found: found.put_boot(source))

    def _put_machine(self, body: bytes) -> None:
        config = decode(body, bodies.MachineConfig)
        self._deprecated = config.cpu_template is not None
        self._vmm.configure("Machine config error", lambda found: found.put_machine(config))

    def _patch_machine(self, body: bytes) -> None:
        patch = decode(body, bodies.MachineConfigPatch)
        if patch == bodies.MachineConfigPatch():
            raise Fault("Empty PATCH request.")
        self._deprecated = patch.cpu_template is not None
        self._vmm.configure("Machine config error", lambda found: found.patch_machine(patch))

    def _put_entropy(self, body: bytes) -> None:
        entropy = decode(body, bodies.Entropy)
        self._vmm.configure("Entropy device error", lambda found: found.put_entropy(entropy))

    def _put_mmds_config(self, body: bytes) -> None:
        config = decode(body, bodies.MmdsConfig)
        self._deprecated = config.version == "V1"
        self._vmm.configure("MMMDS config error", lambda found: found.put_mmds(config))

    def _put_drive(self, name: str, body: bytes) -> None:
        drive = decode(body, bodies.Drive)
        _must_match(name, drive.drive_id)
        if self._vmm.machine.state != "Not started":
            raise Fault("Hotplugging a block device failed: PCI is not enabled.")
        self._vmm.configure("Drive config error", lambda found: found.put_drive(drive))

    def _patch_drive(self, name: str, body: bytes) -> None:
        patch = decode(body, bodies.DrivePatch)
        _must_match(name, patch.drive_id)
        self._vmm.machine.patch_drive(patch)

    def _put_nic(self, name: str, body: bytes) -> None:
        nic = decode(body, bodies.NetworkInterface)
        _must_match(name, nic.iface_id)
        if self._vmm.machine.state != "Not started":
            raise Fault("Hotplugging a network device failed: PCI is not enabled.")
        self._vmm.configure("Network config error", lambda found: found.put_nic(nic))

    def _patch_nic(self, name: str, body: bytes) -> None:
        patch = decode(body, bodies.NetworkInterfacePatch)
        _must_match(name, patch.iface_id)
        self._vmm.patch_nic(patch)

    def _load(self, body: bytes) -> None:
        request = decode(body, bodies.SnapshotLoad)
        is_deprecated = request.mem_file_path is not None and request.mem_backend is None
        self._deprecated = is_deprecated or request.enable_diff_snapshots
        self._vmm.machine.load(request)


def _identifier(text: str) -> str:
    if not text:
        raise Fault("The ID cannot be empty.")
    if not ID_LETTERS.issuperset(text):
        raise Fault("API Resource IDs can only contain alphanumeric characters and underscores.")
    return text


def _must_match(path_id: str, body_id: str) -> None:
    if path_id != body_id:
        raise Fault("The id from the path does not match the id from the body!")


def _refuse(what: str) -> Callable[[bytes], Any]:
    def refuse(_: bytes) -> None:
        raise not_offered(what)

    return refuse
