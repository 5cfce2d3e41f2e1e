#!/app/bin/python -Iu
"""GitHub's post step in the image: `post-entrypoint` in action.yml is one path without arguments,
hence this file.
"""

import sys

from mogplex_ci.cli import main

sys.exit(main(["post"]))
