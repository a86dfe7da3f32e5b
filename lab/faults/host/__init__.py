"""Faults of the host. ``LAYERS``: all but what reads the whole golden snapshot, which takes seconds."""

LAYERS = (
    "host/test_clocks.py",
    "host/test_controller.py",
    "host/test_inventory.py",
    "host/test_network.py",
    "host/test_reach.py",
    "host/test_room.py",
    "host/test_snapshot.py::test_snapshot_present",
    "host/test_vmm.py",
)
