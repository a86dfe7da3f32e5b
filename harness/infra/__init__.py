"""A machine asked in testinfra's words, over one persistent shell."""
