"""Ways to a machine."""
