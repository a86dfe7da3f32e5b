"""Firecracker's command line and HTTP API over QEMU's microvm machine, for hosts where KVM cannot be used."""
