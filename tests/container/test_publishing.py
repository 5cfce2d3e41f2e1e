"""The release's handling of the image, against a registry on this machine: push, sign, pin, pull,
move plain tags.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
import yaml

from scripts.pin_release import pinned_action
from tests.container.images import ROOT, docker
from tests.container.registry import Registry, serving, signed

pytestmark = [pytest.mark.container, pytest.mark.slow]

VERSION = "1.2.3"


def test_a_published_image_is_signed_pinned_pulled_and_runs(
    registry: Registry, archives: list[str], tmp_path: Path
) -> None:
    digest = registry.script("publish_image.sh", registry.image, VERSION, *archives)
    assert registry.tags() == [VERSION]
    assert registry.digest(VERSION) == digest
    published = json.loads(
        registry.run("skopeo", "inspect", "--raw", f"docker://{registry.image}@{digest}")
    )
    assert [manifest["platform"]["architecture"] for manifest in published["manifests"]] == [
        "amd64", "unknown", "arm64", "unknown",
    ]  # fmt: skip

    signed(registry, digest, tmp_path)

    action = pinned_action(
        (ROOT / "action.yml").read_text(), f"{registry.image}:{VERSION}@{digest}"
    )
    pinned = yaml.safe_load(action)["runs"]["image"].removeprefix("docker://")
    try:
        registry.script("pull_anonymously.sh", pinned)
        assert docker("run", "--rm", "--network=none", pinned, "--version").startswith(
            "mogplex-ci "
        )
    finally:
        docker("image", "rm", "--force", pinned)


def test_an_exact_tag_never_moves_and_plain_tags_follow_it(
    registry: Registry, archives: list[str]
) -> None:
    digest = registry.script("publish_image.sh", registry.image, VERSION, *archives)
    again = registry.script(
        "publish_image.sh", registry.image, VERSION, *archives
    )  # as a job that is run again does
    said = registry.script("publish_image.sh", registry.image, VERSION, archives[0], ok=False)
    assert said.endswith("is published already with another content; an exact tag never moves")
    for version in ("1", "1.2", "v1.2.3", "latest", "1.2.3-rc1"):
        said = registry.script("publish_image.sh", registry.image, version, *archives, ok=False)
        assert said == f"error: {version} is not a version such as 1.2.3"
    said = registry.script("tag_image.sh", registry.image, digest, "v1", f"v{VERSION}", ok=False)
    assert said == f"error: v{VERSION} is no plain tag such as 1 or 1.2"
    assert (registry.tags(), registry.digest(VERSION), again) == ([VERSION], digest, digest)
    registry.script("tag_image.sh", registry.image, digest, "v1.2", "v1")
    assert {tag: registry.digest(tag) for tag in registry.tags()} == dict.fromkeys(
        ["1", "1.2", VERSION], digest
    )


def test_an_image_that_asks_for_a_login_stops_the_release(
    archives: list[str], tmp_path: Path
) -> None:
    """A package is private until somebody makes it public."""
    # bcrypt of "password", as htpasswd writes it
    (tmp_path / "htpasswd").write_text(
        "release:$2b$04$JYe5.sGb5aJzWaegY5Z3geKgN6z9E/KL3AOLDABbuX.r8ZPQF.tYq\n"
    )
    auth = f"auth: {{htpasswd: {{realm: private, path: '{tmp_path}/htpasswd'}}}}\n"
    with serving(tmp_path, auth) as registry:
        login = base64.b64encode(b"release:password").decode()
        (tmp_path / "docker").mkdir()
        (tmp_path / "docker/config.json").write_text(
            json.dumps({"auths": {registry.host: {"auth": login}}})
        )
        registry.env.update(
            DOCKER_CONFIG=f"{tmp_path}/docker", REGISTRY_AUTH_FILE=f"{tmp_path}/docker/config.json"
        )
        digest = registry.script("publish_image.sh", registry.image, VERSION, *archives)
        said = registry.script("pull_anonymously.sh", f"{registry.image}@{digest}", ok=False)
    assert (
        "cannot be pulled without a login; make the package public, then run the failed jobs again"
        in said
    )
