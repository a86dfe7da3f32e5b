"""Programs that run on the lab's host as they are: standard library only."""
