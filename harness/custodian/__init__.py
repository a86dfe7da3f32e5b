"""Sent to the host, and owner of all a run makes there: Python 3.9, its library, and only itself."""
