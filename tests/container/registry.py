"""A registry on this machine, and images as a release pushes them to it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.container.images import ROOT
from tests.require import require
from tests.waits import wait_until

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@dataclass(frozen=True)
class Registry:
    """An empty registry, and the environment in which the release's scripts reach it without
    TLS.
    """

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

    def referrers(self, digest: str) -> set[str]:
        """The digests of the artifacts that refer to an image, its signature for one."""
        found = json.loads(self.run("oras", "discover", "--format=json", f"{self.image}@{digest}"))
        listed = found["referrers"] if "referrers" in found else found["manifests"]  # since 1.3
        return {each["digest"] for each in listed}

    def tags(self) -> list[str]:
        """Every tag in it; none when nothing was pushed."""
        with contextlib.suppress(urllib.error.HTTPError):
            with urllib.request.urlopen(
                f"http://{self.host}/v2/mogplex/run-action/tags/list"
            ) as answer:
                return sorted(json.load(answer)["tags"])
        return []


def accepts(port: int) -> bool:
    """Whether something on this machine listens on the port."""
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def serving(folder: Path, auth: str = "") -> Iterator[Registry]:
    """Serve an empty registry on a free port of this machine; the settings ``auth`` make it ask for
    a login.
    """
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
    (folder / ".config/containers/registries.conf").write_text(
        f'[[registry]]\nlocation = "{host}"\ninsecure = true\n'
    )
    env = {**os.environ, "HOME": str(folder)}
    with subprocess.Popen(
        ["docker-registry", "serve", str(folder / "registry.yml")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            wait_until(lambda: accepts(int(host.split(":")[1])))
            yield Registry(host, env)
        finally:
            server.terminate()


class Layout:
    """An OCI image layout in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def wrap(self, architecture: str) -> None:
        """Put the one image of the layout under ``architecture`` into an index, beside an
        attestation.
        """
        index = json.loads((self._folder / "index.json").read_text())
        manifest = self._read(index["manifests"][0])
        config = self._read(manifest["config"]) | {"architecture": architecture}
        manifest["config"] |= self._write(config)
        image = {
            "mediaType": MANIFEST,
            **self._write(manifest),
            "platform": {"os": "linux", "architecture": architecture},
        }
        empty = {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            **self._write({"architecture": "unknown"}),
        }
        statement = {
            "mediaType": "application/vnd.in-toto+json",
            **self._write({"subject": image["digest"]}),
        }
        attestation = {
            "mediaType": MANIFEST,
            **self._write(
                {"schemaVersion": 2, "mediaType": MANIFEST, "config": empty, "layers": [statement]}
            ),
            "platform": {"os": "unknown", "architecture": "unknown"},
            "annotations": {
                "vnd.docker.reference.type": "attestation-manifest",
                "vnd.docker.reference.digest": image["digest"],
            },
        }
        inner = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [image, attestation]}
        outer = {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [{"mediaType": INDEX, **self._write(inner)}],
        }
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


_OFFLINE: Final = ("--allow-http-registry", "--allow-insecure-registry")
SIGN_OFFLINE: Final = ("--use-signing-config=false", "--tlog-upload=false", *_OFFLINE)
"""How a test signs: in a registry of this machine, and written to no public log."""
VERIFY_OFFLINE: Final = ("--insecure-ignore-tlog", *_OFFLINE)


def cosign() -> str:
    """The path of cosign 3, the version that the workflows install.

    Older ones do not keep signatures as referrers of the image.
    """
    require("cosign")
    found = shutil.which("cosign")
    assert found is not None
    told = subprocess.run([found, "sign", "--help"], capture_output=True, text=True, check=True)
    assert "--use-signing-config" in told.stdout, f"{found} is older than cosign 3"
    return found


def signed(registry: Registry, digest: str, folder: Path) -> Path:
    """Sign an image, verify the signature, and return the public key, which is made in ``folder``.

    With a key of our own: the release signs with the workflow's identity, which needs sigstore's
    servers.
    """
    env = {**registry.env, "COSIGN_PASSWORD": ""}
    image = f"{registry.image}@{digest}"
    for command in (
        ["generate-key-pair"],
        ["sign", "--yes", "--key=cosign.key", *SIGN_OFFLINE, image],
        ["verify", "--key=cosign.pub", *VERIFY_OFFLINE, image],
    ):
        done = subprocess.run(
            [cosign(), *command], cwd=folder, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    return folder / "cosign.pub"
