"""Makes text of what CI systems obey wherever it stands in a line."""

import re
from typing import Final

TIME_STAMP = rb"[^\n]{4}-[^\n]{2}-[^\n]{2}T[^\n]{2}:[^\n]{12}Z"
"""GitLab takes the first 32 bytes of a line for a time stamp, and drops them, when bytes 4, 7, 10,
13 and 26 are these, even behind the time stamp that the runner has put there. A byte of ours among
the five prevents that.
"""

_IGNORED = r"[^\x00-\x7f]*+"
_MARKERS = rf"#(?={_IGNORED}#{_IGNORED}(?:\[|{_IGNORED.join('vso')}|{_IGNORED.join('teamcity')}))"
"""Azure's agent looks for ``##vso[`` and ``##[`` by culture, which skips about a thousand code
points: U+0489 and other combining marks, U+0600, U+0640, … Which ones depends on its version of
ICU: here every non-ASCII character is skipped.
"""

_OTHER_MARKERS: Final = (
    # GitLab takes a piece of a live log whose first line has the runner's time stamp for one that
    # has stamps in every line: ``2026-11-30T10:00:00.000000Z 00O ``.
    (r"Z (?<=[0-9]Z )(?=[0-9a-f]{2}[A-Z])", "Z\xa0"),
    # GitLab's runner has begun to read it, as GitHub's does.
    (r":(?=:\s*(?i:add-mask))", ":\xa0"),
    # GitHub's parser knows no longer marks of code: what stands between them would be Markdown
    # (cmark-gfm: MAXBACKTICKS in inlines.c; of a fence's it counts 255).
    (r"``{79,}", "`" * 79),
)
"""Places in which a no-break space makes text of what a CI system obeys, or a shorter run of signs
what GitHub's Markdown does.

Each begins with plain characters: a search for these is far faster than a try at every
place.
"""


def begins_like_time_stamp(text: str) -> bool:
    """Return whether GitLab would take the start of a line for a time stamp."""
    return re.match(TIME_STAMP, text[:27].encode()) is not None


def break_markers(text: str) -> str:
    """Return ``text`` in which ``##[``, ``##vso``, ``##teamcity``, ``::add-mask``, a time stamp of
    GitLab's runner and 80 backticks in a row no longer stand anywhere.

    The space is visible on purpose: comparison by culture ignores invisible characters.
    """
    if "#" in text:
        text = re.sub(_MARKERS, "# ", text, flags=re.IGNORECASE)
    for place, space in _OTHER_MARKERS:
        text = re.sub(place, space, text)
    return text
