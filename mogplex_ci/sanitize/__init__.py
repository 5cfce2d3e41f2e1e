"""The only door from untrusted text to something that may be printed.

``Sanitizer`` opens ``Untrusted`` values and makes ``SafeText`` of them: secrets redacted, controls shown, markers of
every CI system broken, sizes bounded. Nothing outside this package makes a ``SafeText``.
"""

from mogplex_ci.sanitize.sanitizer import Sanitizer
from mogplex_ci.sanitize.text import SafeText

__all__ = ["SafeText", "Sanitizer"]
