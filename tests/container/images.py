"""The images of the container tests: the base, and the image built from the work tree on it."""

import contextlib
import fcntl
import hashlib
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
BASE = "python:3.13-slim-trixie"


def docker(*arguments: str) -> str:
    """Run a docker command that must succeed and return what it printed."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"docker {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}"
    return done.stdout.strip()


@contextlib.contextmanager
def machine_lock(name: str) -> Iterator[None]:
    """Hold a lock that all test workers on this machine share: the engine's tags are shared as
    well.
    """
    with Path(tempfile.gettempdir(), f"run-action-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build_context() -> list[Path]:
    """Return every file that the build can see: .dockerignore excludes all and then lists the
    exceptions.
    """
    allowed = [
        ROOT / line[1:]
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    ]
    files = [file for path in allowed for file in ([path] if path.is_file() else path.rglob("*"))]
    return sorted(file for file in files if file.is_file() and "__pycache__" not in file.parts)


def built_image() -> str:
    """Return the tag of the image of this work tree, built unless the same content was built
    before.
    """
    with machine_lock("image"):
        tag = f"run-action-test:{_content_digest()}"
        if not docker("images", "--quiet", tag):
            docker("build", "--tag", tag, str(ROOT))
        return tag


def _content_digest() -> str:
    digest = hashlib.sha256(docker("image", "inspect", "--format", "{{.Id}}", BASE).encode())
    for file in [ROOT / "Dockerfile", ROOT / ".dockerignore", *build_context()]:
        content = file.read_bytes()
        digest.update(
            f"{file.relative_to(ROOT)} {file.stat().st_mode & 0o111} {len(content)}\n".encode()
            + content
        )
    return digest.hexdigest()[:16]
