"""The golden Browser VM: its disk, its kernel, and the snapshot built of them."""
