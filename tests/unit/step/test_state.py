"""The files that tell ``post`` what to cancel: whose they are, and which count."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path

import pytest

from mogplex_ci.errors import UsageError
from mogplex_ci.platforms import PLATFORMS, detect
from mogplex_ci.platforms.base import Platform
from mogplex_ci.step.state import MAX_AGE, MAX_BYTES, OpenRun, StateFiles
from tests.ci_environments import ENVIRONMENTS, environment

TOKEN = "mog_" + "x" * 32
URL = "https://mogplex.com"
ONE = OpenRun(URL, "key", "run-1")
OTHER = OpenRun(URL, "key-2", request={"repoId": "r", "prompt": "Ünïcode \U0001f600"})
SYSTEMS = sorted(ENVIRONMENTS.keys() & {row.name for row, _ in PLATFORMS} - {"plain"})
STEPS = {
    "github": "GITHUB_ACTION",
    "forgejo": "GITHUB_ACTION",
    "woodpecker": "CI_STEP_NAME",
    "drone": "DRONE_STEP_NAME",
    "buildkite": "BUILDKITE_PLUGINS",
}


def job(name: str, folder: Path, **changes: str) -> Platform:
    for made in ("workspace", "temp"):
        (folder / made).mkdir(exist_ok=True)
    return detect(environment(name, folder) | changes, io.StringIO())


def files_of(platform: Platform, token: str = TOKEN, key: str | None = None) -> StateFiles:
    name = platform.job_name(key)
    assert name is not None
    return StateFiles(platform, name, token)


def runs(files: StateFiles) -> list[OpenRun]:
    return [saved.run for saved in files.find().runs]


def paths(folder: Path) -> list[Path]:
    return sorted(folder.rglob("mogplex-*-*.json"))


def age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then), follow_symlinks=False)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_clean_up_in_another_step_finds_the_runs_of_all_uses(name: str, tmp_path: Path) -> None:
    main = job(name, tmp_path)
    files_of(main).save("use a", ONE)
    files_of(main).save("use b", OTHER)
    later = job(name, tmp_path, **({STEPS[name]: "clean-up"} if name in STEPS else {}))
    assert sorted(runs(files_of(later))) == [ONE, OTHER]
    files_of(later).remove("use a")
    assert runs(files_of(main)) == [OTHER]
    for name in ("use b", "use c"):
        files_of(main).check(name)
    (file,) = paths(tmp_path)
    assert TOKEN not in file.read_text(encoding="utf-8")
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("gitlab", {"CI_JOB_ID": "176069"}),
        ("gitlab", {"CI_JOB_NAME": "other"}),
        ("github", {"GITHUB_RUN_ATTEMPT": "2"}),
        ("github", {"GITHUB_JOB": "other"}),
        ("github", {"GITHUB_RUN_ID": "7"}),
        ("woodpecker", {"CI_WORKFLOW_NAME": "other"}),
        ("drone", {"DRONE_STAGE_NAME": "other"}),
    ],
)
def test_another_attempt_or_job_has_files_of_its_own(
    name: str, changes: dict[str, str], tmp_path: Path
) -> None:
    files_of(job(name, tmp_path)).save("use a", ONE)
    assert files_of(job(name, tmp_path, **changes)).find() == ([], 0)


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("github", "GITHUB_STATE"),
        ("forgejo", "GITHUB_STATE"),
        ("gitlab", "RUNNER_TEMP_PROJECT_DIR"),
    ],
)
def test_the_folder_is_the_systems_if_it_exists_else_one_in_the_workspace(
    name: str, variable: str, tmp_path: Path
) -> None:
    folder = tmp_path / "of-system"
    of_system = str(folder / "state" if name in ("github", "forgejo") else folder)
    platform = job(name, tmp_path, **{variable: of_system})
    files_of(platform).save("use a", ONE)
    ours = tmp_path / "workspace" / ".mogplex"
    assert not folder.exists(), "it is never made"
    assert [path.parent for path in paths(tmp_path)] == [ours]
    assert (ours / ".gitignore").read_text(encoding="utf-8") == "*\n"
    files_of(platform).remove("use a")
    assert (paths(tmp_path), ours.exists()) == ([], True), "the folder stays for other uses"
    folder.mkdir()
    files_of(platform).save("use a", OTHER)
    assert [path.parent for path in paths(tmp_path)] == [ours if name == "azure" else folder]
    assert runs(files_of(platform)) == [OTHER]


def test_only_the_jobs_own_token_makes_a_file_count(tmp_path: Path) -> None:
    platform = job("gitlab", tmp_path)
    files = files_of(platform)
    files.save("use a", ONE)
    files.save("use b", ONE)
    forged, _ = paths(tmp_path)
    text = forged.read_text(encoding="utf-8")
    forged.write_text(text.replace("mogplex.com", "example.com"), encoding="utf-8")
    assert (len(runs(files)), files.find().unknown) == (1, 1)
    other = files_of(platform, TOKEN[:-1])
    assert (runs(other), other.find().unknown) == ([], 2)


def test_without_a_token_no_file_counts(tmp_path: Path) -> None:
    """As in a fork's pull request, whose author may commit a file."""
    files = files_of(job("jenkins", tmp_path), token="")
    files.save("use a", ONE)
    assert (runs(files), files.find().unknown) == ([], 1)


def test_a_valid_file_of_another_job_does_not_count(tmp_path: Path) -> None:
    theirs = files_of(job("gitlab", tmp_path, CI_JOB_NAME="theirs"))
    theirs.save("use a", ONE)
    (file,) = paths(tmp_path)
    ours = files_of(job("gitlab", tmp_path))
    ours.save("use a", OTHER)
    (own,) = set(paths(tmp_path)) - {file}
    own.write_bytes(file.read_bytes())
    assert (runs(ours), ours.find().unknown, runs(theirs)) == ([], 1, [ONE])


@pytest.mark.parametrize("kind", ["fifo", "link", "folder", "huge", "words", "nothing"])
def test_a_hostile_file_neither_counts_nor_holds_the_clean_up_up(kind: str, tmp_path: Path) -> None:
    files = files_of(job("gitlab", tmp_path))
    files.save("use a", ONE)
    (file,) = paths(tmp_path)
    hostile = file.with_name(file.name[:-6] + "0.json")
    match kind:
        case "fifo":
            os.mkfifo(hostile)
        case "link":
            hostile.symlink_to(file)
        case "folder":
            hostile.mkdir()
        case "huge":
            hostile.write_bytes(file.read_bytes() + b" " * MAX_BYTES)
        case "words":
            hostile.write_bytes(b"\xff[" * 100_000)
        case "nothing":
            hostile.touch()
    assert runs(files) == [ONE]
    assert files.find().unknown == (kind in ("huge", "words"))
    files.check("use b")


def test_of_many_files_the_newest_thousand_are_read(tmp_path: Path) -> None:
    files = files_of(job("gitlab", tmp_path))
    files.save("use a", ONE)
    (file,) = paths(tmp_path)
    age(file, 60)
    for number in range(1_000):
        other = file.with_name(f"{file.name[:-21]}{number:016x}.json")
        other.write_text("x", encoding="utf-8")
        age(other, 120)
    assert (runs(files), files.find().unknown) == ([ONE], 999)
    age(file, 180)
    assert (runs(files), files.find().unknown) == ([], 1_000)


def test_old_files_are_removed_and_no_link_is_followed(tmp_path: Path) -> None:
    files = files_of(job("gitlab", tmp_path))
    files.save("use a", ONE)
    (file,) = paths(tmp_path)
    folder = file.parent
    kept = tmp_path / "kept"
    kept.write_text("x", encoding="utf-8")
    digits = "0123456789abcdef"
    half = folder / f".mogplex-{digits}-{digits}.json.{digits}"
    link = folder / f"mogplex-{digits}-{digits}.json"
    theirs = folder / "mogplex-notes.json"
    half.write_text("x", encoding="utf-8")
    theirs.write_text("x", encoding="utf-8")
    link.symlink_to(kept)
    for path in (file, half, link, theirs, kept):
        age(path, MAX_AGE - 60)
    files.check("use b")
    assert [path.is_file() for path in (file, half, link, theirs)] == [True] * 4
    for path in (file, half, link, theirs, kept):
        age(path, MAX_AGE + 60)
    files.check("use b")
    assert [path.is_file() for path in (file, half, link, theirs, kept)] == [
        False,
        False,
        False,
        True,
        True,
    ]


def test_a_link_out_of_the_workspace_is_not_followed(tmp_path: Path) -> None:
    platform = job("jenkins", tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    link = tmp_path / "workspace" / ".mogplex"
    link.symlink_to(elsewhere)
    with pytest.raises(UsageError, match="outside the workspace"):
        files_of(platform)
    link.unlink()
    files = files_of(platform)
    link.symlink_to(elsewhere)
    with pytest.raises(OSError, match="link"):
        files.save("use a", ONE)
    assert (runs(files), list(elsewhere.iterdir())) == ([], [])
