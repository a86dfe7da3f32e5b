"""The metadata service: its store, its answers, and its place on the guest's network."""
