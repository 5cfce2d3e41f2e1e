"""The text of Markdown as readers see it on GitHub: GitHub's own parser (cmark-gfm) makes HTML of
it.

It is C code over a stranger's bytes, so it runs in a process of its own, as does the reader of its
HTML. Run as a program, this module is that process.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Final

from mogplex_ci.child import answer_parent, ask_child
from mogplex_ci.errors import EventTextError

_SECONDS: Final = 10.0
_EXTENSIONS: Final = ("table", "strikethrough", "tasklist", "tagfilter", "autolink")
"""Beside footnotes, which are an option."""


def has_parser() -> bool:
    """Return whether GitHub's parser is there: it has no build for Windows on Arm, nor for Macs
    with Intel's processors.
    """
    return find_spec("cmarkgfm") is not None


def github_texts(bodies: Sequence[str]) -> list[str]:
    """Return the text of each page that GitHub makes of one of ``bodies``.

    Raises:
        EventTextError: there is none within ten seconds and 512 MB.
        StopRequested: a stop signal came, and this thread's work is interruptible.
    """
    try:
        texts: list[str] | None = ask_child("mogplex_ci.words.github_markdown", bodies, _SECONDS)
    except TimeoutError:
        raise EventTextError("took too long") from None
    except OSError:
        raise EventTextError("could not be started") from None
    if texts is None:
        raise EventTextError("failed")
    return texts


def _texts(bodies: Sequence[str]) -> list[str]:
    from mogplex_ci.words.page_text import page_text

    return [page_text(github_html(body)) for body in bodies]


def github_html(body: str) -> str:
    """Return the HTML that GitHub makes of ``body``, before its sanitizer drops tags."""
    from cmarkgfm.cmark import Options, markdown_to_html_with_extensions

    options = (
        Options.CMARK_OPT_UNSAFE | Options.CMARK_OPT_FOOTNOTES | Options.CMARK_OPT_GITHUB_PRE_LANG
    )
    html: str = markdown_to_html_with_extensions(body, options, _EXTENSIONS)
    return html


if __name__ == "__main__":
    answer_parent(_texts)
