"""What the release does with the image, against a registry on this machine: push, sign, pin, pull, move plain tags."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.pin_release import pinned_action
from tests.container.images import ROOT, docker
from tests.require import require

pytestmark = [pytest.mark.container, pytest.mark.slow, pytest.mark.timeout(900)]

VERSION = "1.2.3"
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@dataclass(frozen=True)
class Registry:
    """An empty registry, and the environment in which the release's scripts reach it without TLS."""

    host: str
    env: dict[str, str]

    @property
    def image(self) -> str:
        return f"{self.host}/mogplex/run-action"

    def run(self, *command: str, ok: bool = True) -> str:
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, check=False)
        assert (done.returncode == 0) is ok, done.stdout + done.stderr
        return done.stdout.strip() if ok else done.stderr.strip()

    def script(self, name: str, *arguments: str, ok: bool = True) -> str:
        return self.run(str(ROOT / "scripts" / name), *arguments, ok=ok)

    def digest(self, tag: str) -> str:
        raw = subprocess.run(
            ["skopeo", "inspect", "--raw", f"docker://{self.image}:{tag}"],
            env=self.env,
            capture_output=True,
            check=True,
        ).stdout
        return f"sha256:{hashlib.sha256(raw).hexdigest()}"

    def tags(self) -> list[str]:
        """Every tag in it; none when nothing was pushed."""
        with contextlib.suppress(urllib.error.HTTPError):
            with urllib.request.urlopen(f"http://{self.host}/v2/mogplex/run-action/tags/list") as answer:
                return sorted(json.load(answer)["tags"])
        return []


@contextlib.contextmanager
def serving(folder: Path, auth: str = "") -> Iterator[Registry]:
    """Serve an empty registry on a free port of this machine; the settings ``auth`` make it ask for a login."""
    for tool in ("docker", "docker-registry", "skopeo"):
        require(tool)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        host = f"localhost:{probe.getsockname()[1]}"
    (folder / "registry.yml").write_text(
        f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {folder}/registry}}}}\n"
        f"http: {{addr: '{host.replace('localhost', '127.0.0.1')}'}}\n{auth}"
    )
    (folder / ".config/containers").mkdir(parents=True)
    (folder / ".config/containers/registries.conf").write_text(f'[[registry]]\nlocation = "{host}"\ninsecure = true\n')
    env = {**os.environ, "HOME": str(folder)}
    with subprocess.Popen(
        ["docker-registry", "serve", str(folder / "registry.yml")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            deadline = time.monotonic() + 30
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", int(host.split(":")[1])), 1):
                    break
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield Registry(host, env)
        finally:
            server.terminate()


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with serving(tmp_path) as registry:
        yield registry


@pytest.fixture(scope="session")
def archives(image: str, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The built image as buildx exports it: an index of one image and its attestation, for each architecture.

    The second is the first under another architecture's name: its files do not matter here.
    """
    require("skopeo")
    folder = tmp_path_factory.mktemp("archives")
    docker("save", "--output", str(folder / "saved.tar"), image)
    for architecture in ("amd64", "arm64"):
        layout = folder / architecture
        subprocess.run(
            ["skopeo", "copy", "--quiet", f"docker-archive:{folder}/saved.tar", f"oci:{layout}:built"], check=True
        )
        Layout(layout).wrap(architecture)
        subprocess.run(
            ["tar", "--create", f"--file={folder}/{architecture}.tar", f"--directory={layout}", "."], check=True
        )
    return [str(folder / "amd64.tar"), str(folder / "arm64.tar")]


class Layout:
    """An OCI image layout in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def wrap(self, architecture: str) -> None:
        """Put the one image of the layout under ``architecture`` into an index, beside an attestation."""
        index = json.loads((self._folder / "index.json").read_text())
        manifest = self._read(index["manifests"][0])
        config = self._read(manifest["config"]) | {"architecture": architecture}
        manifest["config"] |= self._write(config)
        image = {
            "mediaType": MANIFEST,
            **self._write(manifest),
            "platform": {"os": "linux", "architecture": architecture},
        }
        empty = {"mediaType": "application/vnd.oci.image.config.v1+json", **self._write({"architecture": "unknown"})}
        statement = {"mediaType": "application/vnd.in-toto+json", **self._write({"subject": image["digest"]})}
        attestation = {
            "mediaType": MANIFEST,
            **self._write({"schemaVersion": 2, "mediaType": MANIFEST, "config": empty, "layers": [statement]}),
            "platform": {"os": "unknown", "architecture": "unknown"},
            "annotations": {
                "vnd.docker.reference.type": "attestation-manifest",
                "vnd.docker.reference.digest": image["digest"],
            },
        }
        inner = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [image, attestation]}
        outer = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [{"mediaType": INDEX, **self._write(inner)}]}
        (self._folder / "index.json").write_text(json.dumps(outer))

    def _read(self, descriptor: dict[str, Any]) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self._blob(descriptor["digest"]).read_text())
        return document

    def _write(self, document: object) -> dict[str, object]:
        content = json.dumps(document).encode()
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self._blob(digest).write_bytes(content)
        return {"digest": digest, "size": len(content)}

    def _blob(self, digest: str) -> Path:
        return self._folder / "blobs" / digest.replace(":", "/")


def test_a_published_image_is_signed_pinned_pulled_and_runs(
    registry: Registry, archives: list[str], tmp_path: Path
) -> None:
    digest = registry.script("publish_image.sh", registry.image, VERSION, *archives)
    assert registry.tags() == [VERSION]
    assert registry.digest(VERSION) == digest
    published = json.loads(registry.run("skopeo", "inspect", "--raw", f"docker://{registry.image}@{digest}"))
    assert [manifest["platform"]["architecture"] for manifest in published["manifests"]] == [
        "amd64", "unknown", "arm64", "unknown",
    ]  # fmt: skip

    sign_and_verify(registry, digest, tmp_path)

    action = pinned_action((ROOT / "action.yml").read_text(), f"{registry.image}:{VERSION}@{digest}")
    pinned = yaml.safe_load(action)["runs"]["image"].removeprefix("docker://")
    try:
        registry.script("pull_anonymously.sh", pinned)
        assert docker("run", "--rm", "--network=none", pinned, "--version").startswith("mogplex-ci ")
    finally:
        docker("image", "rm", "--force", pinned)


def sign_and_verify(registry: Registry, digest: str, folder: Path) -> None:
    """Sign with a key of our own: the release signs with the workflow's identity, which needs sigstore's servers."""
    require("cosign")
    env = {**registry.env, "COSIGN_PASSWORD": ""}
    http = ["--allow-http-registry", "--allow-insecure-registry"]
    image = f"{registry.image}@{digest}"
    for command in (
        ["generate-key-pair"],
        ["sign", "--yes", "--key=cosign.key", "--tlog-upload=false", *http, image],
        ["verify", "--key=cosign.pub", "--insecure-ignore-tlog", *http, image],
    ):
        done = subprocess.run(["cosign", *command], cwd=folder, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_publishing_the_same_again_changes_nothing(registry: Registry, archives: list[str]) -> None:
    """As when a failed job is run again."""
    first = registry.script("publish_image.sh", registry.image, VERSION, *archives)
    assert registry.script("publish_image.sh", registry.image, VERSION, *archives) == first
    assert registry.digest(VERSION) == first


def test_an_exact_tag_never_moves(registry: Registry, archives: list[str]) -> None:
    digest = registry.script("publish_image.sh", registry.image, VERSION, *archives)
    said = registry.script("publish_image.sh", registry.image, VERSION, archives[0], ok=False)
    assert said.endswith("is published already with another content; an exact tag never moves")
    said = registry.script("tag_image.sh", registry.image, digest, "v1", f"v{VERSION}", ok=False)
    assert said == f"error: v{VERSION} is no plain tag such as 1 or 1.2"
    assert registry.tags() == [VERSION]
    assert registry.digest(VERSION) == digest


@pytest.mark.parametrize("version", ["1", "1.2", "v1.2.3", "latest", "1.2.3-rc1"])
def test_only_an_exact_version_is_published(registry: Registry, archives: list[str], version: str) -> None:
    said = registry.script("publish_image.sh", registry.image, version, *archives, ok=False)
    assert said == f"error: {version} is not a version such as 1.2.3"
    assert registry.tags() == []


def test_the_plain_tags_follow_the_exact_one(registry: Registry, archives: list[str]) -> None:
    digest = registry.script("publish_image.sh", registry.image, VERSION, *archives)
    registry.script("tag_image.sh", registry.image, digest, "v1.2", "v1")
    assert registry.tags() == ["1", "1.2", VERSION]
    assert {registry.digest(tag) for tag in registry.tags()} == {digest}


def test_an_image_that_asks_for_a_login_stops_the_release(archives: list[str], tmp_path: Path) -> None:
    """A package is private until somebody makes it public."""
    # bcrypt of "password", as htpasswd writes it
    (tmp_path / "htpasswd").write_text("release:$2b$04$JYe5.sGb5aJzWaegY5Z3geKgN6z9E/KL3AOLDABbuX.r8ZPQF.tYq\n")
    auth = f"auth: {{htpasswd: {{realm: private, path: '{tmp_path}/htpasswd'}}}}\n"
    with serving(tmp_path, auth) as registry:
        login = base64.b64encode(b"release:password").decode()
        (tmp_path / "docker").mkdir()
        (tmp_path / "docker/config.json").write_text(json.dumps({"auths": {registry.host: {"auth": login}}}))
        registry.env.update(DOCKER_CONFIG=f"{tmp_path}/docker", REGISTRY_AUTH_FILE=f"{tmp_path}/docker/config.json")
        digest = registry.script("publish_image.sh", registry.image, VERSION, *archives)
        said = registry.script("pull_anonymously.sh", f"{registry.image}@{digest}", ok=False)
    assert "cannot be pulled without a login; make the package public, then run the failed jobs again" in said
