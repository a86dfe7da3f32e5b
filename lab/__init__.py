"""A faithful small deployment on one machine: the VMM, the golden guest and the host twin."""
