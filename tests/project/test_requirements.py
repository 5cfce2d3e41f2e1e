"""What is installed is locked: every package with hashes, the same version everywhere, nothing resolved anew."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import threading
import tomllib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.program import ROOT
from tests.require import require

FILES = ("runtime", "build", "dev", "fuzz", "lock", "mutants")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def locked(name: str) -> dict[str, str]:
    """Return version by package of requirements/NAME.txt."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==([^\s;\\]+)", text, re.MULTILINE))


def packages(requirements: list[str | dict[str, str]]) -> set[str]:
    """Return the names in a list of pyproject.toml, as lock files write them."""
    names = {re.split(r"[^\w.-]", requirement)[0] for requirement in requirements if isinstance(requirement, str)}
    return {re.sub(r"[_.-]+", "-", name).lower() for name in names}


@pytest.mark.parametrize("name", FILES)
def test_every_package_has_hashes(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert {re.split("==", entry)[0] for entry in entries} == set(locked(name))


def test_the_tests_run_with_the_versions_that_are_shipped() -> None:
    shipped = locked("runtime") | locked("build")
    assert {name: version for name, version in locked("dev").items() if name in shipped} == shipped


def test_no_dependency_is_missing_from_the_lock_files() -> None:
    assert packages(PROJECT["project"]["dependencies"]) <= set(locked("runtime"))
    assert packages(PROJECT["build-system"]["requires"]) <= set(locked("build"))
    assert packages(PROJECT["dependency-groups"]["dev"]) <= set(locked("dev"))


def wheel(folder: Path, name: str, version: str, *requires: str) -> str:
    """Put an empty package into an index, and return the line that locks it."""
    path = folder / name / f"{name}-{version}-py3-none-any.whl"
    path.parent.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    metadata = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", "Provides-Extra: more"]
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(f"{info}/METADATA", "\n".join([*metadata, *(f"Requires-Dist: {line}" for line in requires)]))
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", f"{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Serve a folder by HTTP; yield its URL and the list of the paths that were asked for."""
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            asked.append(self.path)

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "one-missing"])
def test_setting_up_installs_what_is_locked_and_resolves_nothing(whole: bool, tmp_path: Path) -> None:
    """The index has a newer version of what an extra asks for; pip of 2023 tries to resolve that, and fails."""
    require("make")
    index, work = tmp_path / "index", tmp_path / "a folder"
    lines = wheel(index, "outer", "1.0", "inner[more]>=1", "needed>=1") + wheel(index, "inner", "1.0")
    wheel(index, "inner", "1.1", "extra>=1; extra == 'more'")
    needed = wheel(index, "needed", "1.0")
    (work / "requirements").mkdir(parents=True)
    (work / "requirements" / "runtime.txt").write_text(lines + needed if whole else lines)
    shutil.copy(ROOT / "Makefile", work)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "MAKE"))}
    with served(index) as (url, asked):
        done = subprocess.run(
            ["make", ".venv/.runtime", f"PYTHON={sys.executable}"],
            cwd=work,
            env=env | {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": url, "PIP_NO_CACHE_DIR": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    folders = work.glob(".venv/lib/python*/site-packages/*-1.*.dist-info")
    installed = {folder.name.removesuffix(".dist-info") for folder in folders}
    expected = {"outer-1.0", "inner-1.0"} | ({"needed-1.0"} if whole else set())
    assert {re.split("[/-]", path)[1] for path in asked} == {name.split("-")[0] for name in expected}, done.stderr
    assert expected == {name for name in installed if name.split("-")[0] in {"outer", "inner", "needed", "extra"}}
    if whole:
        assert done.returncode == 0, done.stdout + done.stderr
    else:
        assert done.returncode != 0
        assert "outer 1.0 requires needed, which is not installed" in done.stdout


@pytest.mark.parametrize("path", ["Makefile", "Dockerfile", "native/install.py", ".github/workflows/release.yml"])
def test_every_command_that_installs_a_lock_resolves_and_builds_nothing(path: str) -> None:
    lines = (ROOT / path).read_text(encoding="utf-8").replace("\\\n", "").splitlines()
    installing = [line for line in lines if "--require-hashes" in line]
    assert installing
    assert [line for line in installing if "--no-deps" not in line or "--only-binary" not in line] == []
