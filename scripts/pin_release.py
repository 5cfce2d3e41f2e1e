r"""Write digests into action.yml, the component, the Dockerfile and native/wheel.txt: what a
release commit changes.

    pin_release.py --image ghcr.io/mogplex/run-action:1.2.3@sha256:… --base
        python:3.13-slim-trixie@sha256:… \ --wheel dist/mogplex_ci-1.2.3-py3-none-any.whl

On the main branch action.yml builds the image, the Dockerfile names its base by tag, and the action
without Docker is built from its checkout. A release pulls by digest the image that was built,
signed and attested once, and installs the wheel by its hash: nobody can change them, and no job
waits for a build.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from pathlib import Path

_IMAGE = re.compile(
    r"(?P<name>(?P<repository>[a-z0-9._/-]+(?::\d+/[a-z0-9._/-]+)?):(?P<tag>[\w.-]+))@(?P<digest>sha256:[0-9a-f]{64})"
)
_BUILT_IMAGE = re.compile(r"^  image: Dockerfile$", re.MULTILINE)
_COMPONENT_IMAGE = re.compile(
    r"^      default: ghcr\.io/mogplex/run-action:1$", re.MULTILINE | re.ASCII
)
_WHEEL = re.compile(r"mogplex_ci-(?P<version>\d+\.\d+\.\d+)-py3-none-any\.whl", re.ASCII)
_BASE_BY_TAG = re.compile(r"^ARG PYTHON_IMAGE=(?P<name>[^@\s]+)$", re.MULTILINE)


def pinned_action(action: str, image: str) -> str:
    """Return the text of action.yml with ``image`` (name and digest) in place of the Dockerfile.

    Raises:
        ValueError: ``image`` has no digest, or the text does not name the Dockerfile exactly once.
    """
    parts = _parts(image)
    # Beside a digest nobody looks at the tag, so that it stands in a comment, for people.
    lines = (
        f"  image: docker://{parts['repository']}@{parts['digest']} # {parts['tag']}\n"
        # A container cannot learn the name of its own image: commands in the log and the record
        # of a step have it.
        f"  env:\n    MOGPLEX_IMAGE: {parts['repository']}@{parts['digest']}"
    )
    return _replaced_once(_BUILT_IMAGE, lines, action, "action.yml: `image: Dockerfile`")


def pinned_dockerfile(dockerfile: str, base: str) -> str:
    """Return the text of the Dockerfile with ``base`` (name and digest) as its default base image.

    Raises:
        ValueError: ``base`` has no digest, is another image than the Dockerfile's, or the
            Dockerfile names none by tag.
    """
    parts = _parts(base)
    found = _BASE_BY_TAG.search(dockerfile)
    if found and found["name"] != parts["name"]:
        raise ValueError(f"the Dockerfile's base is {found['name']}, not {parts['name']}")
    return _replaced_once(
        _BASE_BY_TAG,
        f"ARG PYTHON_IMAGE={base}",
        dockerfile,
        "Dockerfile: `ARG PYTHON_IMAGE=` by tag",
    )


def pinned_component(template: str, image: str) -> str:
    """Return the text of the component with ``image`` (name and digest) as its default image.

    Raises:
        ValueError: ``image`` has no digest, or the text does not name the image exactly once.
    """
    _parts(image)
    line = f"      default: {image}"
    return _replaced_once(_COMPONENT_IMAGE, line, template, "templates/run/template.yml: the image")


def wheel_requirement(wheel: Path) -> str:
    """Return the line for pip's ``--require-hashes`` that accepts this wheel file and no other.

    Raises:
        ValueError: the file's name is not that of a wheel of ours.
    """
    match = _WHEEL.fullmatch(wheel.name)
    if match is None:
        raise ValueError(f"{wheel.name!r} is not mogplex_ci-VERSION-py3-none-any.whl")
    return f"mogplex-ci=={match['version']} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


def main() -> int:
    """Rewrite the files in the current folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--image", required=True, help="the published image, NAME:TAG@sha256:…")
    parser.add_argument(
        "--base", required=True, help="the base image it was built on, NAME:TAG@sha256:…"
    )
    parser.add_argument("--wheel", required=True, type=Path, help="the published wheel, as a file")
    arguments = parser.parse_args()
    action, dockerfile = Path("action.yml"), Path("Dockerfile")
    component = Path("templates/run/template.yml")
    try:
        texts = {
            action: pinned_action(action.read_text(encoding="utf-8"), arguments.image),
            component: pinned_component(component.read_text(encoding="utf-8"), arguments.image),
            dockerfile: pinned_dockerfile(dockerfile.read_text(encoding="utf-8"), arguments.base),
            Path("native/wheel.txt"): wheel_requirement(arguments.wheel),
        }
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    return 0


def _parts(image: str) -> re.Match[str]:
    match = _IMAGE.fullmatch(image)
    if match is None:
        raise ValueError(f"{image!r} is not NAME:TAG@sha256: and 64 hexadecimal digits")
    return match


def _replaced_once(pattern: re.Pattern[str], line: str, text: str, what: str) -> str:
    result, count = pattern.subn(lambda _: line, text)
    if count != 1:
        raise ValueError(f"{what} is there {count} times, not once")
    return result


if __name__ == "__main__":
    sys.exit(main())
