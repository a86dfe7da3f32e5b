"""QEMU, started, driven and watched: all that the rest of the VMM need not know of it."""
