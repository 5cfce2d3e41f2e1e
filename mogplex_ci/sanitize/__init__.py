"""The only door from untrusted text to something that may be printed.

``Sanitizer`` opens ``Untrusted`` values and makes ``SafeText`` of them: controls shown, secrets redacted, sizes
bounded, markers of every CI system broken. Nothing outside this package makes a ``SafeText``.

``controls`` knows what steers a terminal or a CI system; ``redact`` joins the three ways in which a secret is known:
its value (``known``), its form (``formats``) and its name (``named``).
"""

from mogplex_ci.sanitize.known import secrets_of
from mogplex_ci.sanitize.sanitizer import Sanitizer
from mogplex_ci.sanitize.text import CleanText, Markdown, SafeText

__all__ = ["CleanText", "Markdown", "SafeText", "Sanitizer", "secrets_of"]
