"""Whether the host's rule sets let packets through, as far as rules can be read."""
