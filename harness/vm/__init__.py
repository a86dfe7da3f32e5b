"""A clone of our own, from its making to its end."""
