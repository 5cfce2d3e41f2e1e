"""A job's log up to its last error, however it arrives, and how checks share a report."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mogplex_ci.github_api import GitHubApi
from mogplex_ci.step.evidence import LOG_BYTES, FailedCheck, LogToLastError, shared_out
from tests.github import TOKEN, GitHub
from tests.waits import LONG

LOG = (
    b"\xef\xbb\xbf2026-01-01T00:00:05.0000001Z before\n"
    b"2026-01-01T00:00:10.0000001Z ##[group]Run make\n"
    b"2026-01-01T00:00:10.0000001Z \x1b[31mred\x1b[0m\n"
    b"2026-01-01T00:00:11.0000001Z ##[endgroup]\n"
    b"[error] of several lines: ##[error]\n"
    b"2026-01-01T00:00:20.0000001Z ##[error]it failed\n"
    b"2026-01-01T00:00:20.0000001Z Post job\n"
    b"2026-01-01T00:00:30.0000001Z after"
)
TITLE = "The log up to its last error:"
SHOWN = "before\nRun make\nred\n[error] of several lines: ##[error]\nit failed"


def read(*pieces: bytes) -> str:
    log = LogToLastError()
    for piece in pieces:
        log.take(piece)
    return log.end()


@given(st.lists(st.integers(0, len(LOG)), max_size=9).map(sorted))
def test_pieces_of_any_size_make_the_same_log(cuts: list[int]) -> None:
    ends = [*cuts, len(LOG)]
    assert read(*(LOG[start:end] for start, end in zip([0, *cuts], ends, strict=True))) == SHOWN


def test_a_log_without_an_error_is_shown_to_its_end() -> None:
    assert read(b"all of it") == "all of it"
    assert read(b"an ##[error] that begins no line\nand more") == (
        "an ##[error] that begins no line\nand more"
    )


def test_the_last_of_several_errors_counts_however_much_is_cleaned_up_after_it() -> None:
    clean_up = b"2026-01-01T00:00:12.0000001Z " + b"x" * 999 + b"\n"
    log = b"##[error]first\n2\n##[error]last\n"
    assert read(log, *[clean_up * 100] * 10) == "first\n2\nlast"


@pytest.mark.parametrize("end", [b"", b"##[error]x\n"])
def test_a_log_without_end_is_kept_in_part(end: bytes) -> None:
    line = b"2026-01-01T00:00:12.0000001Z " + b"x" * 999 + b"\n"
    shown = read(*[line * 100] * 10, end)
    assert LOG_BYTES - 2_000 < len(shown) <= LOG_BYTES
    assert len(read(*[b"y" * 65_536] * 20, end)) <= LOG_BYTES


def test_reading_a_long_log_takes_the_memory_of_what_is_kept() -> None:
    """From the other host, over HTTP: 50 MB, or one line without end."""
    line = b"2026-01-01T00:00:12.0000001Z " + b"x" * 9_970 + b"\n"
    for content in (line * 5_000, b"y" * 50_000_000):
        with GitHub() as github:
            github.logs[1] = content
            api = GitHubApi(github.url, TOKEN, "acme/web")
            log = LogToLastError()
            tracemalloc.start()
            try:
                api.within(LONG).read_log("1", log.take)
                log.end()
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
                api.close()
        assert peak < 2_500_000


SIZES = st.lists(st.integers(0, 60), max_size=3)


@given(st.lists(st.tuples(SIZES, SIZES), min_size=1, max_size=8), st.integers(0, 2_000))
def test_what_checks_say_is_bounded(sizes: list[tuple[list[int], list[int]]], most: int) -> None:
    checks = [
        FailedCheck(
            [f"check {number}"], ["a" * each for each in notes], ["l" * each for each in log]
        )
        for number, (notes, log) in enumerate(sizes)
    ]
    whole = "\n\n".join(check.text for check in checks)
    shown = shared_out(checks, most)
    assert len(shown) <= most
    if len(whole) + 2 <= most:
        assert shown == whole


def test_a_long_check_takes_nothing_from_a_short_one() -> None:
    long, short = FailedCheck(["long"], [], ["x" * 50] * 100), FailedCheck(["short"], [], ["y"])
    whole = short.text
    shown = shared_out([long, short], 500)
    assert shown.endswith(f"\n\n{whole}")
    assert shown.startswith("long\nThe log")
    assert len(shown) > 400


@pytest.mark.parametrize(
    ("most", "shown"),
    [
        (60, ["head", "a:1: one", "a:2: two", TITLE, "  1", "  2"]),
        (59, ["head", "a:1: one", "a:2: two", TITLE, "  2"]),
        (55, ["head", "a:1: one", "a:2: two"]),
        (21, ["head", "a:1: one"]),
        (12, ["head"]),
        (3, [""]),
        (0, [""]),
    ],
)
def test_what_is_least_needed_is_cut_first(most: int, shown: list[str]) -> None:
    """The first lines of the log, then the last annotations."""
    check = FailedCheck(["head"], ["a:1: one", "a:2: two"], ["1", "2"])
    assert check.cut(most) == "\n".join(shown)


@pytest.mark.parametrize("mark", ["group", "section", "error", "warning", "notice", "debug"])
def test_the_runners_marks_are_no_text(mark: str) -> None:
    assert read(f"##[{mark}]##[{mark}]it".encode()) == f"##[{mark}]it"
    assert read(b"[command]make\r\n##[other]it\n") == "make\n##[other]it"
