"""Verifying and mirroring a published image as a user would, with registries on this machine."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from scripts.pin_release import pinned_action
from tests.container.act import act, workspace
from tests.container.images import ROOT
from tests.container.registry import VERIFY_OFFLINE, Registry, cosign, serving, signed
from tests.documents import claim
from tests.program import executable
from tests.require import require

pytestmark = [pytest.mark.container, pytest.mark.slow]

MIRROR = claim("examples/workflows/mirror.yml")
VERIFY = claim("SECURITY.md", "cosign verify")
INSTALLERS = re.findall("uses: ((?:sigstore|oras-project)/[^ ]+)", MIRROR.code)
VERSION = "1.2.3"
# bcrypt of "password", as htpasswd writes it
LOGIN = "mirror:$2b$04$JYe5.sGb5aJzWaegY5Z3geKgN6z9E/KL3AOLDABbuX.r8ZPQF.tYq\n"
COSIGN = """#!/bin/sh
set -e
if [ "$1" = verify ]; then
  [ "$3" = --certificate-identity ] && [ "$4" = "{identity}" ]
  [ "$5" = --certificate-oidc-issuer ] && [ "$6" = https://token.actions.githubusercontent.com ]
  set -- verify "$2" --key={key} {options}
fi
exec {cosign} "$@"
"""
"""A key stands for the identity that the release signs with: verifying that needs sigstore's
servers.
"""
GH = """#!/bin/sh
[ "$*" = "attestation verify oci://{image}:1 --repo mogplex/run-action" ]
"""


@pytest.fixture
def published(registry: Registry, archives: list[str], tmp_path: Path) -> Registry:
    """The registry with a release in it, signed; its environment has the stand-ins on PATH."""
    require("oras")
    digest = registry.script("publish_image.sh", registry.image, VERSION, *archives)
    registry.script("tag_image.sh", registry.image, digest, "v1")
    key = signed(registry, digest, tmp_path)
    (release,) = [
        step["run"]
        for step in yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())["jobs"][
            "verify"
        ]["steps"]
        if "cosign verify" in step.get("run", "")
    ]
    words = shlex.split(release.replace("\\\n", " "))
    identity = words[words.index("--certificate-identity") + 1]
    identity = identity.replace(
        "$GITHUB_SERVER_URL/$GITHUB_REPOSITORY", "https://github.com/mogplex/run-action"
    )
    identity = identity.replace("$GITHUB_REF", "refs/heads/main")
    stand_in = COSIGN.format(
        identity=identity,
        key=shlex.quote(str(key)),
        options=" ".join(VERIFY_OFFLINE),
        cosign=cosign(),
    )
    programs = {
        "cosign": stand_in,
        "gh": GH.format(image=registry.image),
    }
    for name, text in programs.items():
        executable(tmp_path / "bin" / name, text)
    registry.env["PATH"] = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    return registry


def test_a_published_image_is_verified_as_the_page_says(published: Registry) -> None:
    published.run("bash", "-ec", VERIFY.code.replace("ghcr.io/mogplex/run-action", published.image))


def git(folder: Path, *arguments: str) -> str:
    author = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    done = subprocess.run(
        ["git", *author, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_the_mirror_workflow_copies_the_image_and_makes_an_action_that_names_the_copy(
    published: Registry, tmp_path: Path
) -> None:
    digest = published.digest(VERSION)
    release, target, job = (tmp_path / name for name in ("release", "target.git", "job"))
    for folder in (release / ".github", target, job, tmp_path / "mirror"):
        folder.mkdir(parents=True)
    image = f"ghcr.io/mogplex/run-action:{VERSION}@{digest}"
    (release / "action.yml").write_text(pinned_action((ROOT / "action.yml").read_text(), image))
    (release / ".github" / "dependabot.yml").write_text("version: 2\n")
    for arguments in (
        ["init", "--quiet"],
        ["add", "--all"],
        ["commit", "--quiet", "-m", "1"],
        ["tag", f"v{VERSION}"],
    ):
        git(release, *arguments)
    git(target, "init", "--quiet", "--bare")
    assert len(INSTALLERS) == 2
    (job / "installer").mkdir()
    (job / "installer" / "action.yml").write_text(
        "{name: Stub, inputs: {cosign-release: {}}, runs: {using: composite, steps: [{run: 'true', shell: bash}]}}\n"
    )
    rewrites = {
        f"file://{release}": "https://github.com/mogplex/run-action.git",
        f"file://{target}": "https://x-access-token:github-token@github.com/acme/web",
    }
    env = {name: published.env[name] for name in ("PATH", "HOME")} | {"GIT_CONFIG_COUNT": "2"}
    for number, (here, there) in enumerate(rewrites.items()):
        env |= {
            f"GIT_CONFIG_KEY_{number}": f"url.{here}.insteadOf",
            f"GIT_CONFIG_VALUE_{number}": there,
        }
    (tmp_path / "htpasswd").write_text(LOGIN)
    auth = f"auth: {{htpasswd: {{realm: private, path: '{tmp_path}/htpasswd'}}}}\n"
    with serving(tmp_path / "mirror", auth) as mirror:
        with (tmp_path / ".config/containers/registries.conf").open("a") as insecure:
            insecure.write(f'[[registry]]\nlocation = "{mirror.host}"\ninsecure = true\n')
        workflow = MIRROR.code.replace("registry.example.com", mirror.host)
        workflow = workflow.replace(
            "SOURCE: ghcr.io/mogplex/run-action", f"SOURCE: {published.image}"
        )
        done = act(
            workspace(job / "repository", workflow),
            "--platform=ubuntu-24.04=-self-hosted",
            *(f"--local-repository={action}={job / 'installer'}" for action in INSTALLERS),
            f"--input=version={VERSION}",
            "--secret=REGISTRY_PASSWORD=password",
            "--secret=GITHUB_TOKEN=github-token",
            *(f"--env={name}={value}" for name, value in env.items()),
            event="workflow_dispatch",
        )
        assert done.exit_code == 0, done.log
        mirror.env.update(published.env)
        assert mirror.referrers(digest) == published.referrers(digest) != set()
        verify, _, _ = VERIFY.code.partition("gh attestation")
        mirror.run(
            "bash",
            "-ec",
            verify.replace("ghcr.io/mogplex/run-action:1", f"{mirror.image}@{digest}"),
        )
    action = yaml.safe_load(git(target, "show", f"v{VERSION}:action.yml"))
    assert action["runs"]["image"] == f"docker://{mirror.image}@{digest}"
    assert git(target, "ls-tree", "--name-only", f"v{VERSION}") == "action.yml\n"
