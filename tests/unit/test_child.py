"""Work on others' data in a process of its own, which knows nothing and cannot take everything."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mogplex_ci.child import ask_child


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module that answers what an expression is."""
    (tmp_path / "answering.py").write_text(
        "from mogplex_ci.child import answer_parent\nanswer_parent(eval)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return "answering"


def test_a_child_gets_no_variables_but_those_that_find_python(
    child: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOGPLEX_API_KEY", "mog_secret")
    found = ask_child(child, "[*__import__('os').environ]", 10.0)
    assert set(found) <= {"PYTHONPATH", "SYSTEMROOT", "LC_CTYPE"}  # Python sets the last one


@pytest.mark.skipif(sys.platform != "linux", reason="the system limits no memory")
def test_a_child_gets_512_mb(child: str) -> None:
    assert ask_child(child, "len(b'x' * 300 * 2**20)", 10.0) == 300 * 2**20
    assert ask_child(child, "len(b'x' * 600 * 2**20)", 10.0) is None


def test_a_child_ends_with_its_time(child: str) -> None:
    with pytest.raises(TimeoutError):
        ask_child(child, "__import__('time').sleep(60)", 0.5)


def test_a_child_that_breaks_answers_nothing(child: str) -> None:
    assert ask_child(child, "__import__('os').abort()", 10.0) is None
    assert ask_child(child, "__import__('os')._exit(0)", 10.0) is None
