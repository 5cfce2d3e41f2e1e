"""How people start this program: its name, and its image."""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

DOCKER: Final = "docker run --rm -e MOGPLEX_API_KEY "
DEFAULT_IMAGE: Final = "ghcr.io/mogplex/run-action:1"
_IMAGE: Final = (
    r"(?=.{1,255}\Z)[a-z0-9][a-z0-9.-]*(?::[0-9]{1,5})?(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)+"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
"""A reference to an image that a shell takes as it is."""


class Image(NamedTuple):
    """A reference to the image that runs."""

    name: str
    digest: str | None
    """``sha256:…``, which a tag may be without."""

    def release(self) -> str | None:
        """Return the Git tag of the release, ``v1``, ``v1.2`` or ``v1.2.3``; None if unknown."""
        tag = re.search(r"/run-action:(\d+(?:\.\d+){0,2})(?:@|$)", self.name)
        return None if tag is None else f"v{tag[1]}"


def image_of(env: Mapping[str, str]) -> Image | None:
    """Return the image that runs, which no process in it can find out: by a variable of ours, which
    a release's action.yml, the component and users of a mirror set, or by that of a GitLab job.
    """
    for name in ("MOGPLEX_IMAGE", "CI_JOB_IMAGE"):
        given = env.get(name)
        match = re.fullmatch(_IMAGE, given) if given else None
        if match is not None:
            return Image(match[0], match["digest"])
    return None


def program() -> str:
    """Return what to type for this program, as it was called: ``mogplex``, ``mogplex-ci``, or
    ``docker run … IMAGE`` if an entry point of the image was: the host has nothing else.
    """
    called = Path(sys.argv[0]).name
    if called in ("entrypoint.py", "main.py", "post.py"):
        image = image_of(os.environ)
        return DOCKER + (DEFAULT_IMAGE if image is None else image.name)
    if called == "mogplex":
        return called
    return "mogplex-ci"  # a package from PyPI has no other name for it
