"""Why a VM is sick: what is seen of it while it lives, and the one cause that it comes from."""
