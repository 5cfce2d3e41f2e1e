"""Text that a test hands to a platform as if a ``Sanitizer`` had made it."""

from __future__ import annotations

from mogplex_ci.sanitize import SafeText


def safe_text(text: str) -> SafeText:
    """Return ``text`` as it is, past everything that the sanitizer would do to it."""
    return str.__new__(SafeText, text)
