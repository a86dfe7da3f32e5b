"""Faults of the host."""
