"""Faults of the database."""
