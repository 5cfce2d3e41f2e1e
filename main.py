#!/app/bin/python -Iu
"""GitHub's main step in the image: `entrypoint` in action.yml is one path without arguments, hence
this file.
"""

import sys

from mogplex_ci.cli import main

sys.exit(main(["action"]))
