"""The image's entry point, PID 1: runs a command of ours, or becomes the program that it is given."""

import sys

from mogplex_ci.cli import main

if __name__ == "__main__":
    sys.exit(main())
