"""Print a version's section of CHANGELOG.md, after making sure that everything names this version,
and, if its release commit is known, how GitLab includes the component.

    python3 scripts/release_notes.py 1.2.3 [COMMIT]

Fails when the package has another version, or the changelog no dated section for it.
"""

from __future__ import annotations

import base64
import hashlib
import re
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", re.ASCII)
_PACKAGE_VERSION = re.compile(r'^__version__ = "(?P<version>[^"]+)"$', re.MULTILINE)
_HEADING = re.compile(r"^## (?P<version>\S+)(?: - (?P<date>\d{4}-\d{2}-\d{2}))?$", re.MULTILINE)


def notes(version: str, package: str, changelog: str) -> str:
    """Return the section of ``changelog`` for ``version``; ``package`` is the text of
    ``mogplex_ci/__init__.py``.

    Raises:
        ValueError: the three do not agree.
    """
    if not _VERSION.fullmatch(version):
        raise ValueError(f"{version!r} is not a version such as 1.2.3")
    found = _PACKAGE_VERSION.search(package)
    if found is None or found["version"] != version:
        raise ValueError(
            f"mogplex_ci/__init__.py says {found['version'] if found else 'nothing'}, not {version}"
        )
    headings = list(_HEADING.finditer(changelog))
    for heading, following in zip(headings, [*headings[1:], None], strict=False):
        if heading["version"] == version:
            if heading["date"] is None:
                raise ValueError(f"CHANGELOG.md has no date for {version}")
            text = changelog[heading.end() : following.start() if following else None]
            return text.strip() + "\n"
    raise ValueError(f"CHANGELOG.md has no section for {version}")


def include(commit: str, template: bytes) -> str:
    """Return how a pipeline on GitLab includes ``template``, the component at ``commit``. GitLab
    refuses a file with another digest.
    """
    digest = base64.b64encode(hashlib.sha256(template).digest()).decode()
    address = "https://raw.githubusercontent.com/mogplex/run-action"
    return (
        "\n### GitLab component\n\n```yaml\ninclude:\n"
        f"  - remote: {address}/{commit}/templates/run/template.yml\n"
        f"    integrity: sha256-{digest}\n```\n"
    )


def main() -> int:
    """Print the notes of the version in argv."""
    if len(sys.argv) not in (2, 3):
        print("usage: release_notes.py VERSION [COMMIT]", file=sys.stderr)
        return 2
    package = (_ROOT / "mogplex_ci" / "__init__.py").read_text(encoding="utf-8")
    changelog = (_ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    try:
        text = notes(sys.argv[1], package, changelog)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if len(sys.argv) == 3:
        template = (_ROOT / "templates" / "run" / "template.yml").read_bytes()
        text += include(sys.argv[2], template)
    print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
