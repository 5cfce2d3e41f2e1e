"""Copy the inputs and outputs of action.yml into native/action.yml: both actions take and give the
same.

python -m scripts.native
"""

from __future__ import annotations

import re
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
ACTION = _ROOT / "action.yml"
NATIVE = _ROOT / "native" / "action.yml"
_INTERFACE = re.compile(r"^inputs:\n.*?(?=^runs:$)", re.MULTILINE | re.DOTALL)
_OUTPUT = re.compile(r"^  (?P<name>[a-z-]+):\n", re.MULTILINE)


def native_action(action: str, native: str) -> str:
    """Return the text of native/action.yml with the inputs and outputs of action.yml.

    A composite action maps each output to one of a step, which a container action does not.
    """
    inputs, outputs = _INTERFACE.findall(action)[0].split("\noutputs:\n")
    mapped = _OUTPUT.sub(r"\g<0>    value: ${{ steps.agent.outputs.\g<name> }}\n", outputs)
    return _INTERFACE.sub(lambda _: f"{inputs}\noutputs:\n{mapped}", native, count=1)


def main() -> None:
    """Rewrite native/action.yml."""
    NATIVE.write_text(
        native_action(ACTION.read_text(encoding="utf-8"), NATIVE.read_text(encoding="utf-8")),
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
