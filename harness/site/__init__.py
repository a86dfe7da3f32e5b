"""A deployment as one frozen value."""
