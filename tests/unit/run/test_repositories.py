"""Which repository ``repo`` stands for, and the messages for what stands for none."""

from __future__ import annotations

from typing import Any

import pytest

from mogplex_ci.errors import UsageError
from mogplex_ci.run.repositories import FIND_REPO, find_repo
from tests.faults.world import World


def repos_of(names: list[str]) -> dict[str, Any]:
    """Return the answer that lists ``names``; a ``~`` in front is for a hidden repository."""
    listed = []
    for number, name in enumerate(names):
        plain = name.removeprefix("~")
        repo_id = f"{plain.replace('/', '.')}{number}"
        listed.append({"id": repo_id, "full_name": plain, "hidden": name.startswith("~")})
    return {"ok": True, "data": {"repos": listed}}


UNSEEN = (
    "is not a repository that this token can see",
    f"{FIND_REPO} If you removed it from Mogplex's dashboard, use its id.",
)
SEVERAL = (
    "is the name of several repositories",
    "Give the id of the one, from 'mogplex-ci repos list'.",
)


@pytest.mark.parametrize(
    ("listed", "wanted", "found", "near"),
    [
        (["acme/web"], "acme/web", "acme/web", []),
        (["acme/web"], "Acme/WEB", "acme/web", []),
        (["acme/web-shop", "acme/web"], "acme/web", "acme/web", []),
        (["acme/web", "Acme/Web"], "Acme/Web", "Acme/Web", []),
        (["acme/web", "Acme/Web"], "ACME/WEB", SEVERAL, ["Acme/Web", "acme/web"]),
        (["~acme/web", "~acme/web"], "acme/web", SEVERAL, ["acme/web", "acme/web"]),
        (
            ["acme/api", "acme/webs", "o/x", "acme/web-app"],
            "acme/web",
            UNSEEN,
            ["acme/webs", "acme/web-app", "acme/api"],
        ),
        ([], "acme/web", UNSEEN, []),
    ],
)
def test_a_repository_is_found_by_its_name_in_any_case_or_the_closest_are_named(
    world: World, listed: list[str], wanted: str, found: str | tuple[str, str], near: list[str]
) -> None:
    world.new_case().inject("repos", status=200, body=repos_of(listed), times="always")
    if isinstance(found, str):
        assert find_repo(world.client(), wanted, timeout=5.0).full_name.text == found
        return
    with pytest.raises(UsageError) as caught:
        find_repo(world.client(), wanted, timeout=5.0)
    (problem,) = caught.value.problems
    assert (problem.fault, problem.remedy) == found
    assert (problem.input, [name.text for name in problem.near]) == ("repo", near)


@pytest.mark.parametrize(
    ("listed", "wanted", "found", "is_hidden"),
    [
        (["~acme/attic"], "acme/attic", 0, True),
        (["~acme/attic"], "ACME/Attic", 0, True),
        (["~acme/web", "acme/web"], "acme/web", 1, False),
        (["acme/web", "~acme/web"], "acme/web", 0, False),
        (["~Acme/Web", "acme/web"], "ACME/WEB", 1, False),
        (["~Acme/Web", "acme/web"], "Acme/Web", 0, True),
    ],
)
def test_a_hidden_repository_is_found_by_its_name_unless_another_one_has_it(
    world: World, listed: list[str], wanted: str, found: int, is_hidden: bool
) -> None:
    world.new_case().inject("repos", status=200, body=repos_of(listed), times="always")
    one = find_repo(world.client(), wanted, timeout=5.0)
    assert (one.id[-1], one.hidden) == (str(found), is_hidden)
