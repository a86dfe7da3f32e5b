"""The library behind the checks: it returns values or raises, and knows nothing of pytest."""
