"""A canary: the suite again and again, and a word only where something has changed."""
