"""The built image: what is in it, how large it is, and how it starts."""

import json
import subprocess
import tarfile
import zlib
from pathlib import Path

import pytest

from tests.container.images import ROOT, docker

pytestmark = [pytest.mark.container, pytest.mark.timeout(900)]

MB = 1_000_000


def size(image: str) -> int:
    return int(docker("image", "inspect", "--format", "{{.Size}}", image))


def test_it_adds_less_than_60_mb_to_its_base(image: str, base_image: str) -> None:
    assert size(image) - size(base_image) < 60 * MB


def test_a_code_change_pulls_less_than_1_mb(image: str, tmp_path: Path) -> None:
    """The program is the last layer, and its compressed size is what a pull transfers."""
    docker("save", "--output", str(tmp_path / "image.tar"), image)
    with tarfile.open(tmp_path / "image.tar") as saved:
        saved.extractall(tmp_path, filter="data")
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    program = (tmp_path / manifest[0]["Layers"][-1]).read_bytes()
    assert b"mogplex_ci/cli.py" in program
    assert len(zlib.compress(program)) < MB


def test_building_again_gives_the_same_files(image: str) -> None:
    """Down to the time stamps, so that a release leaves layers that did not change where they are."""
    listing = r"cd /app && find . -printf '%p %m %T@\n' | sort && find . -type f -exec sha256sum {} + | sort"
    again = docker("build", "--quiet", "--no-cache", "--target", "program", str(ROOT))
    rebuilt = docker("run", "--rm", again, "sh", "-c", f"cp --archive /program/. /app/ && {listing}")
    docker("image", "rm", again)
    assert rebuilt == docker("run", "--rm", image, "sh", "-c", listing)


def test_byte_code_is_compiled(image: str) -> None:
    """Of ours and of the standard library, which the base leaves uncompiled: a start writes none."""
    imports = docker("run", "--rm", image, "sh", "-c", "python -v -c 'import json, requests, mogplex_ci.cli' 2>&1")
    assert "/mogplex_ci/__pycache__/cli.cpython-313.pyc matches" in imports
    assert "# created" not in imports


def test_nothing_but_the_program_and_its_tools_is_installed(image: str) -> None:
    listing = docker(
        "run",
        "--rm",
        image,
        "sh",
        "-c",
        "ls /app/lib/python3.*/site-packages; command -v jq; ls /etc/ssl/certs/ca-certificates.crt",
    )
    assert "/usr/bin/jq" in listing
    for tool in ("pip", "hatchling", "setuptools", "pytest"):
        assert f"\n{tool}\n" not in listing


def test_a_shell_starts_through_the_entry_point(image: str) -> None:
    """GitLab's runner starts `sh` with the script on its standard input."""
    done = subprocess.run(
        ["docker", "run", "--rm", "--interactive", image, "sh"],
        input="echo hi from $0; exit 7\n", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout, done.returncode) == ("hi from sh\n", 7)


@pytest.mark.parametrize("name", ["mogplex", "mogplex-ci"])
def test_it_answers_to_both_names(image: str, name: str) -> None:
    assert docker("run", "--rm", image, name, "--version") == docker("run", "--rm", image, "--version")


def test_a_dry_run_needs_no_network(image: str) -> None:
    log = docker(
        "run", "--rm", "--network", "none", image, "--dry-run", "--repo", "acme/web", "--prompt", "Fix the build"
    )
    assert "Fix the build" in log


def test_labels_name_source_and_licence(image: str) -> None:
    labels = json.loads(docker("image", "inspect", "--format", "{{json .Config.Labels}}", image))
    assert labels["org.opencontainers.image.source"] == "https://github.com/mogplex/run-action"
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
