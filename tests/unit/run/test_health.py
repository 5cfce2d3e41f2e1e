"""For how long the trouble of one run's answers is waited out."""

from __future__ import annotations

import pytest

from mogplex_ci.errors import NotAuthorizedError, ServerError
from mogplex_ci.run.service import Health


def test_a_refused_token_is_asked_again_for_ten_seconds_from_the_first_refusal() -> None:
    health = Health(0.0)
    refused = NotAuthorizedError("the API does not know this token")
    assert health.failed(5.0, refused)
    assert not health.failed(14.9, refused)
    with pytest.raises(NotAuthorizedError):
        health.failed(15.0, refused)


def test_a_refusal_counts_from_the_last_answer_or_other_fault() -> None:
    health = Health(0.0)
    refused = NotAuthorizedError("the API does not know this token")
    health.failed(0.0, refused)
    health.failed(9.0, ServerError("down"))
    assert not health.failed(12.0, refused)
    assert not health.failed(21.9, refused)
    assert health.answered(21.95) == 21.95
    assert health.failed(25.0, refused)
