"""A host looked at, and what a profile of it would say: read-only, and nothing guessed."""
