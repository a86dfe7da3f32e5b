"""Firecracker's command line and HTTP API over QEMU's microvm machine, for hosts where KVM cannot be used.

Before a start it says what the original says (``tests/lab/vmm/test_contract.py`` asks both). Where it differs
from Firecracker v1.16, and a client may notice:

- vsock, balloon, pmem, memory hotplug, CPU configurations and templates, huge pages, rate limiters that
  limit, Diff snapshots, Uffd memory, vhost-user drives and SendCtrlAltDel (there is no keyboard controller)
  answer 400.
- A kernel may be a bzImage as well as an ELF file. Its command line gets ``reboot=a`` and, under emulation,
  the processor's TSC frequency. A machine that boots has a real-time clock in the place of kvm-clock, one
  that is loaded has neither (``qemu.boot_clock``); there is no VMGenID or VMClock.
- Snapshots are QEMU's own: a file of Firecracker's, or of another QEMU version, is a failed load. The
  memory file must have exactly the machine's size, and be writable for the process though nothing is
  written to it. A new snapshot replaces the files of its name instead of writing into them.
- The metadata service answers on the TAP itself, so its frames are visible there (``mmds.net``).
- Under emulation a Linux guest that got stuck at its start, for want of a processor while it measured its
  timer, is started again (``qemu.timer_start``); the log says so.
- A kernel, an initrd, a snapshot's files and what they are written over must be regular files, a drive may
  be a block device as well; that is looked at when they are given. Firecracker finds out when it uses them.
- Sizes and times of token buckets end at the API description's int64, not at Firecracker's u64.
- A TAP that a just killed machine still holds is waited for, half a second at most.
"""
