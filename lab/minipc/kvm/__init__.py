"""The lab's host as a whole machine with KVM of its own, where the real Firecracker runs the VMs."""
