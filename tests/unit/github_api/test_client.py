"""The client of GitHub's API against a stand-in of that API."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from mogplex_ci.errors import (
    GitHubError,
    GitHubNotFoundError,
    GitHubUnavailableError,
    UsageError,
)
from mogplex_ci.github_api import GitHubApi
from mogplex_ci.platforms import detect
from mogplex_ci.report.comment import Comment
from mogplex_ci.sanitize import Markdown
from mogplex_ci.waiting import Clock
from tests.github import BOT, REPOSITORY, TOKEN, GitHub, Look, check, status

NOW = datetime(2026, 11, 24, 13, 45, 40, tzinfo=UTC)
HEAD = "0" * 39 + "1"
FIX = "mogplex/fix"
PAST = "Tue, 24 Nov 2020 13:45:40 GMT"
CALLS: list[Callable[[GitHubApi], object]] = [
    lambda github: github.compare("main", "mogplex/fix"),
    lambda github: github.tip("mogplex/fix"),
    lambda github: github.commit(HEAD, NOW),
    lambda github: github.pull_requests_of("mogplex/fix"),
    lambda github: github.checks(HEAD),
    lambda github: github.find_comment(7, re.compile("<!--")),
    lambda github: github.write_comment(7, "text"),
    lambda github: github.write_comment(7, "text", 100),
]
each_call = pytest.mark.parametrize(
    "call", CALLS, ids=["compare", "tip", "commit", "pulls", "checks", "find", "create", "edit"]
)


@pytest.fixture
def api() -> Iterator[GitHub]:
    with GitHub("/api/v3", clock=lambda: NOW) as api:
        api.push(FIX, {"src/a.ts": "changed"}, sha=HEAD, at=NOW - timedelta(hours=1))
        api.open_pull_request(FIX)
        api.comments.append({"id": 100, "body": "<!-- mine -->", "issue": 7})
        yield api


@pytest.fixture
def github(api: GitHub) -> Iterator[GitHubApi]:
    github = GitHubApi(api.url, TOKEN, REPOSITORY)
    yield github
    github.close()


def test_every_page_is_read(api: GitHub, github: GitHubApi) -> None:
    runs = [check(str(number), "success") for number in range(230)]
    api.checks[HEAD] = Look(runs, None, [status("ci/old", "pending")])
    checks, are_all_listed = github.checks(HEAD)
    assert Counter(check.kind for check in checks) == {"suite": 1, "run": 230, "status": 1}
    assert (len({(check.kind, check.number) for check in checks}), are_all_listed) == (232, True)
    assert [check.url is not None for check in checks] == [False, *[True] * 231]
    api.comments = [{"id": number, "body": "text", "issue": 7} for number in range(250)]
    api.comments[240] |= {"body": "<!-- mine --> text", "user": BOT}
    assert github.find_comment(7, re.compile("<!-- mine -->")) == (240, "<!-- mine -->")


def test_a_check_that_stands_on_two_pages_is_one(api: GitHub, github: GitHubApi) -> None:
    names = [str(100 if number == 99 else number) for number in range(150)]
    api.checks[HEAD] = Look([check(name, "success") for name in names], [])
    checks, are_all_listed = github.checks(HEAD)
    assert (len(checks), are_all_listed) == (149, False), (
        "the one that it pushed out may have failed"
    )


@pytest.mark.parametrize("is_begun", [True, False], ids=["by another step", "without an answer"])
def test_a_step_that_follows_a_run_edits_one_comment_in_every_round_and_try(
    api: GitHub, github: GitHubApi, is_begun: bool
) -> None:
    api.comments = []
    if is_begun:
        Comment(github, 7, TOKEN, Clock(), "key").write(Markdown.of("started"), "run-1", 5.0)
    api.fail(status=403, method="GET" if is_begun else "POST", is_done=True)
    comment = Comment(github, 7, TOKEN, Clock())
    with pytest.raises(GitHubError):
        comment.write(Markdown.of("followed"), "run-1", 5.0)
    comment.write(Markdown.of("repaired"), "run-2", 5.0)
    assert [said["body"].split("\n")[1] for said in api.comments] == ["repaired"]
    if (
        not is_begun
    ):  # else the marker names the step that started the first run, and the second one
        Comment(github, 7, TOKEN, Clock()).write(Markdown.of("tried again"), "run-1", 5.0)
        assert len(api.comments) == 1


def test_a_marker_counts_at_the_beginning_of_an_apps_oldest_comment_only(
    api: GitHub, github: GitHubApi
) -> None:
    api.comments = [
        {
            "id": 0,
            "body": "<!-- mine --> a stranger's" + "," * 1_000_000,
            "issue": 7,
            "user": {"type": "User"},
        },
        {"id": 1, "body": "quoted: <!-- mine -->", "issue": 7, "user": BOT},
        {"id": 2, "body": "<!-- mine --> first", "issue": 7, "user": BOT},
        {"id": 3, "body": "<!-- mine --> copied", "issue": 7, "user": BOT},
    ]
    assert github.find_comment(7, re.compile("<!-- mine -->")) == (2, "<!-- mine -->")
    assert github.find_comment(8, re.compile("<!-- mine -->")) is None


def test_what_has_not_changed_is_not_sent_again(api: GitHub, github: GitHubApi) -> None:
    api.checks[HEAD] = Look([check("test", "success")])
    first, second = github.checks(HEAD), github.checks(HEAD)
    assert first == second
    assert [asked.status for asked in api.asked] == [200, 200, 200, 304, 304, 304]
    assert {asked.headers["X-GitHub-Api-Version"] for asked in api.asked} == {"2022-11-28"}
    api.checks[HEAD] = Look([check("test", "failure")])
    assert [check.conclusion for check in github.checks(HEAD)[0]] == ["failure", "failure"]
    assert [asked.status for asked in api.asked[6:]] == [200, 200, 304]


def test_the_tip_of_a_branch(api: GitHub, github: GitHubApi) -> None:
    assert github.tip("mogplex/fix") == HEAD
    assert api.asked[-1].path.endswith("/git/ref/heads/mogplex/fix")
    assert github.tip("gone") is None
    api.fail(status=404, times=2)
    with pytest.raises(GitHubError, match="may not read it"):
        github.tip("gone")


@each_call
@pytest.mark.parametrize(
    "fault",
    [
        {"drop": True},
        {"status": 500},
        *({"status": 200, "body": body} for body in (b"<html>Unicorn!</html>", b"7")),
    ],
    ids=str,
)
def test_no_usable_answer_may_pass(
    api: GitHub,
    github: GitHubApi,
    call: Callable[[GitHubApi], object],
    fault: dict[str, object],
) -> None:
    api.fail(**fault)
    with pytest.raises(GitHubUnavailableError):
        call(github)
    call(github)


@pytest.mark.parametrize(
    ("call", "status", "words"),
    [
        *((CALLS[0], status, str(status)) for status in (300, 400, 410, 422, 499)),
        (CALLS[0], 401, "accept"),
        (CALLS[0], 404, "not find"),
        *((call, 403, "may not") for call in CALLS),
    ],
)
def test_a_refusal_is_final_and_says_why(
    api: GitHub, github: GitHubApi, call: Callable[[GitHubApi], object], status: int, words: str
) -> None:
    api.fail(
        status=status,
        body=b'{"message": "ghs_theirWords"}',
        headers={"X-RateLimit-Remaining": "12"},
        times=2,
    )
    with pytest.raises(GitHubError, match=words) as caught:
        call(github)
    assert not isinstance(caught.value, GitHubUnavailableError)
    assert "ghs_" not in f"{caught.value.cause} {caught.value.remedy}"


@pytest.mark.parametrize(
    ("statuses", "headers", "seconds"),
    [
        ((403, 429, 503), {"Retry-After": "7"}, 7),
        (
            (403, 429),
            {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW.timestamp()) + 3_600)},
            3_600,
        ),
        ((403, 429), {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1764000000"}, 1),
        # By GitHub's clock: the runner's may be wrong.
        (
            (403,),
            {"Date": PAST, "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1606225660"},
            120,
        ),
        (
            (403,),
            {
                "Date": "1 Jan 9999999999 00:00:00 GMT",
                "X-RateLimit-Remaining": "0",
                "X-RateLimit-Reset": "1764000000",
            },
            1,
        ),
        *(
            ((403,), {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": odd}, None)
            for odd in ("soon", "-5", "1.5", "9" * 13, "\u0661")
        ),
        ((429,), {}, 60),
        ((429,), {"X-RateLimit-Remaining": "12", "X-RateLimit-Reset": "9" * 10}, 60),
        ((500,), {}, None),
    ],
)
def test_a_used_up_limit_and_an_outage_say_how_long_to_wait(
    api: GitHub,
    github: GitHubApi,
    statuses: tuple[int, ...],
    headers: dict[str, str],
    seconds: float | None,
) -> None:
    for refused in statuses:
        api.fail(status=refused, headers=headers)
        with pytest.raises(GitHubUnavailableError) as caught:
            github.pull_requests_of("fix")
        assert caught.value.retry_after == (seconds and pytest.approx(seconds))


def test_a_secondary_limit_of_which_only_the_message_tells_is_no_missing_right(
    api: GitHub, github: GitHubApi
) -> None:
    words = "You have exceeded a secondary rate limit. Please wait a few minutes."
    body = json.dumps({"message": words}).encode()
    api.fail(status=403, headers={"X-RateLimit-Remaining": "4000"}, body=body)
    with pytest.raises(GitHubUnavailableError, match="rate limit") as caught:
        github.pull_requests_of("fix")
    assert caught.value.retry_after == 60


def test_a_token_that_single_sign_on_keeps_out_says_so(api: GitHub, github: GitHubApi) -> None:
    api.fail(status=403, headers={"X-GitHub-SSO": "required; url=https://github.com/orgs/acme/sso"})
    with pytest.raises(GitHubError, match="single sign-on") as caught:
        github.tip("fix")
    assert "Configure SSO" in caught.value.remedy


PULLS = "https://github.com/acme/web/pull/42"


@pytest.mark.parametrize(
    ("call", "body"),
    [
        (CALLS[3], f'[{{"html_url": null, "head": {{"ref": "fix", "sha": "{HEAD}"}}}}]'),
        (CALLS[3], f'[{{"html_url": "{PULLS}", "head": {{"ref": null, "sha": "{HEAD}"}}}}]'),
        (CALLS[3], f'[{{"html_url": "{PULLS}", "head": {{"ref": "fix", "sha": "../0a1b"}}}}]'),
        (CALLS[3], f'[{{"html_url": "{PULLS}", "head": null}}]'),
        (CALLS[3], "[7]"),
        (CALLS[0], '{"ahead_by": "3", "files": []}'),
        (CALLS[0], '{"ahead_by": null, "files": []}'),
        (CALLS[0], '{"ahead_by": 1, "files": [{"status": "added"}]}'),
        (CALLS[0], '{"ahead_by": 1, "files": [{"filename": "a", "previous_filename": 7}]}'),
        (CALLS[2], '[{"sha": "yesterday"}]'),
        (CALLS[6], '{"id": "100"}'),
        (lambda github: github.file("a.json", HEAD), '{"encoding": "base64", "content": "a"}'),
    ],
)
def test_an_answer_without_its_fields_is_not_used(
    api: GitHub, github: GitHubApi, call: Callable[[GitHubApi], object], body: str
) -> None:
    api.fail(status=200, body=body.encode())
    with pytest.raises(GitHubUnavailableError, match="does not follow its API"):
        call(github)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.github.com@evil.example",
        "http://api.github.com",
        "https://a.example\\@b",
        "ftp://x",
        "x",
    ],
)
def test_the_token_goes_to_no_address_that_base_url_would_not_take(url: str) -> None:
    def api_url(**env: str) -> str:
        return detect(env, io.StringIO()).github_api_url()

    with pytest.raises(UsageError):
        api_url(GITHUB_API_URL=url)
    assert api_url() == "https://api.github.com"
    assert api_url(GITHUB_API_URL="https://ghe.example/api/v3/") == "https://ghe.example/api/v3"


def test_the_token_does_not_follow_a_redirect_to_another_host(
    api: GitHub, github: GitHubApi
) -> None:
    with GitHub() as other:
        port = other.url.rsplit(":", 1)[1]
        api.fail(
            status=307,
            headers={
                "Location": f"http://localhost:{port}/repos/acme/web/pulls?head=acme:mogplex/fix"
            },
        )
        with pytest.raises(GitHubError, match="another host") as caught:
            github.pull_requests_of(FIX)
        assert other.asked == []
    assert not isinstance(caught.value, GitHubUnavailableError)
    api.fail(
        status=301, headers={"Location": f"{api.url}/repos/acme/web/pulls?head=acme:mogplex/fix"}
    )
    assert github.pull_requests_of(FIX), "where a renamed repository moved"


@pytest.mark.parametrize(("comments", "requests"), [(3_050, 30), (200, 3), (199, 2)])
def test_a_list_is_read_to_its_end_or_to_three_thousand(
    api: GitHub, github: GitHubApi, comments: int, requests: int
) -> None:
    api.comments = [{"id": number, "body": "text", "issue": 7} for number in range(comments)]
    assert github.find_comment(7, re.compile("<!-- mine -->")) is None
    assert len(api.asked) == requests


@pytest.mark.parametrize(
    "name",
    [
        "a..b",
        "a b",
        "a~1",
        "a^",
        "a:b",
        "a?",
        "a*",
        "[a",
        "a\\b",
        "a\x7f",
        "a\x00",
        "a@{1}",
        "@",
        "/a",
        "a/",
        "a//b",
        ".a",
        "a/.b",
        "a.lock",
        "a.lock/b",
        "-a",
        "a.",
    ],
)
def test_a_branch_that_git_does_not_accept_is_not_asked_for(
    api: GitHub, github: GitHubApi, name: str
) -> None:
    for call in (github.tip, github.pull_requests_of, github.required_checks):
        with pytest.raises(GitHubError, match="a name that git does not accept"):
            call(name)
    assert api.asked == []


def test_a_file_of_a_commit(api: GitHub, github: GitHubApi) -> None:
    api.push(FIX, {"a b/c.json": "{}", "empty": ""})
    assert github.file("a b/c.json", FIX) == b"{}"
    assert github.file("empty", FIX) == b""
    assert github.file("gone", FIX) is None
    for body in (b"[]", b'{"encoding": "none", "content": ""}', b'{"encoding": "base64"}'):
        api.fail(status=200, body=body)
        assert github.file("folder", FIX) == b""


def test_who_may_write(api: GitHub, github: GitHubApi) -> None:
    api.permissions = {"ada": "admin", "bob": "write", "eve": "read", "nil": "none"}
    assert {name: github.may_write(name) for name in (*api.permissions, "new")} == {
        "ada": True,
        "bob": True,
        "eve": False,
        "nil": False,
        "new": False,
    }
    with pytest.raises(GitHubNotFoundError):
        github.may_write("a/b")
    assert api.asked[-1].path.endswith("/collaborators/a%2Fb/permission")
