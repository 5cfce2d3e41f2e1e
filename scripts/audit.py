"""Look the shipped requirements up in the Python advisory database: python -m scripts.audit.

Fails when one of them has a known vulnerability. Where the database cannot be reached it says so in
one line, and fails only if RUN_ACTION_REQUIRE lists `advisories`: nothing that was not looked up is
called clean.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements" / "runtime.txt"


def verdict(report: str) -> tuple[str, bool | None]:
    """Return what to print about pip-audit's JSON ``report``, and whether all is well; None: nobody
    knows.
    """
    try:
        dependencies = json.loads(report)["dependencies"]
    except (ValueError, KeyError):
        return "not checked: the advisory database cannot be reached from here", None
    lines = [
        f"{dependency['name']} {dependency['version']}: {', '.join(advisory['id'] for advisory in dependency['vulns'])}"
        for dependency in dependencies
        if dependency.get("vulns")
    ]
    if lines:
        return "\n".join(lines), False
    unknown = sum("skip_reason" in dependency for dependency in dependencies)
    if unknown:
        return (
            f"not checked: {unknown} of {len(dependencies)} packages cannot be looked up from here",
            None,
        )
    return f"no known vulnerability in {len(dependencies)} packages", True


def main() -> int:
    """Ask pip-audit, print what it found, and return the exit code."""
    tool = Path(sys.executable).with_name("pip-audit")
    options = [
        "--requirement",
        str(REQUIREMENTS),
        "--disable-pip",
        "--format",
        "json",
        "--progress-spinner",
        "off",
    ]
    done = subprocess.run([tool, *options], capture_output=True, text=True, check=False)
    text, well = verdict(done.stdout)
    print(f"pip-audit: {text}")
    if well is None:
        well = "advisories" not in os.environ.get("RUN_ACTION_REQUIRE", "").split(",")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
