"""The image: its size over the base, what a change of the code pulls again, and how fast it starts."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
import tempfile
import time
import zlib
from pathlib import Path

from benchmarks.table import ROUNDS, Row


def measure() -> list[Row]:
    """Build the image with the engine of this machine and look at it; empty where no engine answers."""
    if (
        shutil.which("docker") is None
        or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode
    ):
        return []
    from tests.container.images import BASE, built_image

    image = built_image()
    over_base = (_size(image) - _size(BASE)) / 1e6
    ours, reference = [], []
    for _ in range(ROUNDS):
        ours.append(_seconds("run", "--rm", image, "--version"))
        reference.append(_seconds("run", "--rm", "--entrypoint", "python", image, "-c", "print()"))
    return [
        Row("image over its base", [over_base], "MB", limit=60),
        Row("pulled again after a code change", [_last_layer(image) / 1e6], "MB", limit=1),
        Row("docker run … --version", ours, "s", "an empty Python program", reference),
    ]


def _size(image: str) -> float:
    return float(_docker("image", "inspect", "--format", "{{.Size}}", image))


def _last_layer(image: str) -> float:
    """Return the compressed size of the layer that a change of the code replaces, in bytes: a pull transfers it."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, "image.tar")
        _docker("save", "--output", str(archive), image)
        with tarfile.open(archive) as saved:
            manifest = saved.extractfile("manifest.json")
            assert manifest is not None
            layer = saved.extractfile(json.load(manifest)[0]["Layers"][-1])
            assert layer is not None
            return len(zlib.compress(layer.read()))


def _seconds(*arguments: str) -> float:
    began = time.perf_counter()
    _docker(*arguments)
    return time.perf_counter() - began


def _docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True).stdout.strip()
