"""What the database says, read-only."""
