"""clone-guard, the service in the guest that makes clones of one snapshot safe to use.

It parks the guest for a snapshot: everything that draws randomness or tells the time is frozen. When the
guest is restored it gives the clone its own time, randomness and network identity, and only then thaws the
rest: so there is no moment at which two clones could draw the same bytes. Standard library only: it runs in
the guest.
"""
