"""Faults of the golden snapshot, seen in its clones."""
