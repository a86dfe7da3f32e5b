"""What checks, items and runs come to, and how that is told."""
