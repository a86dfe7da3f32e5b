"""The hypervisor, and what it says of itself."""
