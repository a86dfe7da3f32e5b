"""Entry point: ``python -m lab.vmm`` is the program called ``firecracker``."""

import sys

from lab.vmm.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
