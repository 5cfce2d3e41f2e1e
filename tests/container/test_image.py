"""The built image: what is in it, what a change of the code pulls again, and how it starts."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zlib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from mogplex_ci import __version__
from tests.container.images import ROOT, build_context, docker

pytestmark = [pytest.mark.container, pytest.mark.slow]

MB = 1_000_000
PYTHON = "import platform; print(platform.python_version())"


def shell(image: str, script: str, *options: str) -> str:
    """Run a script in a container and return what it printed."""
    return docker("run", "--rm", *options, image, "sh", "-c", script)


def commands_of(image: str) -> set[str]:
    """Return the names of the programs on PATH."""
    listing = shell(image, "IFS=:; for folder in $PATH; do ls $folder; done")
    return set(listing.split())


def test_a_code_change_pulls_the_program_alone(image: str, tmp_path: Path) -> None:
    """The program is the last layer, and its compressed size is what a pull transfers."""
    docker("save", "--output", str(tmp_path / "image.tar"), image)
    with tarfile.open(tmp_path / "image.tar") as saved:
        saved.extractall(tmp_path, filter="data")
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    program = (tmp_path / manifest[0]["Layers"][-1]).read_bytes()
    assert b"mogplex_ci/cli.py" in program
    assert len(zlib.compress(program)) < 1.5 * MB


def test_another_checkout_gives_the_same_files(image: str, tmp_path: Path) -> None:
    """Times and permissions do not matter: layers that did not change stay, and anyone can check a
    published image.

    The files are compared as BuildKit exports them: an engine that already has a layer's parent
    from another build may write the layer's entries in another order.
    """
    checkout = tmp_path / "checkout"
    for file in [ROOT / "Dockerfile", ROOT / ".dockerignore", *build_context()]:
        copy = checkout / file.relative_to(ROOT)
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
        copy.chmod(0o700 if file.stat().st_mode & 0o100 else 0o600)
    digests = []
    for context, options in ((ROOT, ()), (checkout, ("--no-cache",))):
        files = tmp_path / "files.tar"
        docker("build", *options, "--output", f"type=tar,dest={files}", str(context))
        digests.append(hashlib.sha256(files.read_bytes()).hexdigest())
    assert digests[0] == digests[1]


def test_it_builds_without_buildkit(image: str) -> None:
    """`uses: mogplex/run-action@main` builds with whatever the runner's engine has."""
    env = {**os.environ, "DOCKER_BUILDKIT": "0"}
    built = subprocess.run(
        ["docker", "build", "--quiet", str(ROOT)],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    classic = built.stdout.strip()
    assert docker("run", "--rm", classic, "--version") == docker("run", "--rm", image, "--version")
    docker("image", "rm", classic)


def test_nothing_but_the_program_and_its_tools_is_installed(image: str, base_image: str) -> None:
    listing = shell(
        image,
        "ls /app/lib/python3.*/site-packages; command -v jq; ls /etc/ssl/certs/ca-certificates.crt",
    )
    assert "/usr/bin/jq" in listing
    assert not {"pip", "hatchling", "setuptools", "pytest"} & set(listing.splitlines())
    removed = {"apt", "apt-get", "dpkg", "easy_install", "perl", "pip", "pip3"}
    absent = {"curl", "git", "ps", "wget"} - commands_of(base_image)
    assert commands_of(image) & (removed | absent) == set()
    found = "import importlib.util as u; print(u.find_spec('pip'), u.find_spec('ensurepip'))"
    assert docker("run", "--rm", image, "python", "-c", found) == "None None"
    assert shell(image, "find / -xdev -type f -perm /6000") == "", "nothing gains privileges"


def test_markdown_is_read_without_what_is_left_out(image: str) -> None:
    code = (
        "from mogplex_ci.platforms.visible_text import visible_text; print(visible_text('*a* `b`'))"
    )
    assert docker("run", "--rm", "--network", "none", image, "python", "-c", code) == "a `b`"


def test_every_program_finds_its_libraries(image: str) -> None:
    """Nothing that stayed needs a removed file."""
    files = "find /app /usr -xdev -type f '(' -perm /111 -o -name '*.so*' ')'"
    missing = f"{files} -exec ldd {{}} + 2>/dev/null | grep --before-context 20 'not found'; true"
    assert shell(image, missing) == ""


def test_its_bill_of_materials_has_the_locked_packages_and_no_others(
    image: str, tmp_path: Path
) -> None:
    """As syft finds them in the image, with which a release makes its SBOMs, too."""
    file = tmp_path / "sbom.json"
    syft = str(Path(sys.executable).with_name("syft"))
    command = [syft, "scan", "--quiet", f"docker:{image}", f"--output=spdx-json={file}"]
    subprocess.run(command, env={**os.environ, "SYFT_CHECK_FOR_APP_UPDATE": "false"}, check=True)
    packages = json.loads(file.read_text())["packages"]
    urls = [
        reference["referenceLocator"]
        for package in packages
        for reference in package.get("externalRefs", ())
    ]
    found = dict(re.findall(r"^pkg:pypi/([^@]+)@(.+)$", "\n".join(urls), re.MULTILINE))
    python = {"python_full_version": docker("run", "--rm", image, "python", "-c", PYTHON)}
    text = (ROOT / "requirements" / "runtime.txt").read_text()
    locked = map(Requirement, re.findall(r"^([a-z0-9-]+==[^\\\n]+)", text, re.MULTILINE))
    wanted = {
        one.name: str(one.specifier)[2:]
        for one in locked
        if not one.marker or one.marker.evaluate(python)
    }
    assert found == wanted | {"mogplex-ci": __version__}
    debian = set(re.findall(r"^pkg:deb/debian/([^@]+)@", "\n".join(urls), re.MULTILINE))
    assert {"bash", "ca-certificates", "coreutils", "jq", "libc6", "openssl", "tar"} <= debian
    assert not {"apt", "dpkg", "perl-base"} & debian


@pytest.mark.parametrize("name", ["mogplex", "mogplex-ci"])
def test_it_answers_to_both_names(image: str, name: str) -> None:
    assert docker("run", "--rm", image, name, "--version") == docker(
        "run", "--rm", image, "--version"
    )


def test_labels_name_source_and_licence(image: str) -> None:
    labels = json.loads(docker("image", "inspect", "--format", "{{json .Config.Labels}}", image))
    assert labels["org.opencontainers.image.source"] == "https://github.com/mogplex/run-action"
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"


def test_a_container_without_room_for_a_thread_says_so(image: str) -> None:
    request = ["--dry-run", "--repo", "acme/web", "--prompt", "Fix it"]
    command = ["docker", "run", "--rm", "--pids-limit", "1", "--network", "none", image, *request]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert (
        "The step ran out of threads. Allow it more threads (docker run --pids-limit)"
        in done.stdout
    )
    assert "Please report" not in done.stdout + done.stderr
