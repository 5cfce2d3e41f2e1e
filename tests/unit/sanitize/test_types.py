"""The package that sanitizes is the only door. `careless.py` says what does not type-check."""

from __future__ import annotations

import ast
import re

from tests.program import ROOT


def test_the_package_that_sanitizes_is_the_only_door() -> None:
    """Nothing else makes safe text, or opens what is untrusted."""
    made = {"SafeText", "CleanText", "Markdown"}
    offenders = []
    for path in sorted((ROOT / "mogplex_ci").rglob("*.py")):
        name = path.relative_to(ROOT / "mogplex_ci").as_posix()
        if name.startswith(("sanitize/", "emulator/")) or name == "untrusted.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).rsplit(".", 1)[-1] in made:
                offenders.append(f"{name}:{node.lineno} makes {ast.unparse(node.func)}")
            if (
                isinstance(node, ast.Call)
                and ast.unparse(node.func).endswith("cast")
                and made & set(re.findall(r"\w+", ast.unparse(node)))
            ):
                offenders.append(f"{name}:{node.lineno} casts to it")
            if isinstance(node, ast.Attribute) and node.attr == "_value" and ast.unparse(node.value) != "self":
                offenders.append(f"{name}:{node.lineno} opens {ast.unparse(node.value)}")
    assert offenders == []
