"""Faults of a whole session."""
