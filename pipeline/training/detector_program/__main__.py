"""Entry of the package, for a host that has it unpacked."""

import sys

from .main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
