"""``python -m mogplex_ci``."""

import sys

from mogplex_ci.cli import main

sys.exit(main())
