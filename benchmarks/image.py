"""The image: its size, what a change of the code pulls again, and how fast it starts.

Its size is that of a base that is not ours, less what is taken out and more what is put in: so the
limit is the base's own size, not a number of megabytes.
"""

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
from tests.container.images import BASE, built_image


def image() -> str | None:
    """Return the tag of the image, built with the engine of this machine; None where no engine
    answers.

    The base is ``python:3.13-slim-trixie`` where that was pulled before, else its stand-in from
    Debian packages.
    """
    if (
        shutil.which("docker") is None
        or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode
    ):
        return None
    return built_image()


def measure() -> list[Row]:
    """Look at the image; empty where no engine answers."""
    tag = image()
    if tag is None:
        return []
    layers, of_base = _compressed_layers(tag), _compressed_layers(BASE)
    ours, reference = [], []
    for _ in range(ROUNDS):
        ours.append(_seconds("run", "--rm", tag, "--version"))
        reference.append(_seconds("run", "--rm", "--entrypoint", "python", tag, "-c", "print()"))
    return [
        Row(
            "image on disk",
            [_size(tag) / 1e6],
            "MB",
            "its base",
            [_size(BASE) / 1e6],
            ratio_limit=1,
        ),
        Row(
            "image pulled",
            [sum(layers) / 1e6],
            "MB",
            "its base",
            [sum(of_base) / 1e6],
            ratio_limit=1,
        ),
        Row("pulled again after a code change", [layers[-1] / 1e6], "MB", limit=1.5),
        Row("docker run … --version", ours, "s", "an empty Python program", reference),
    ]


def _size(image: str) -> float:
    return float(_docker("image", "inspect", "--format", "{{.Size}}", image))


def _compressed_layers(image: str) -> list[int]:
    """Return the compressed size of each layer in bytes, which is what a pull transfers; the last
    is our code.
    """
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, "image.tar")
        _docker("save", "--output", str(archive), image)
        with tarfile.open(archive) as saved:
            manifest = saved.extractfile("manifest.json")
            assert manifest is not None
            layers = [saved.extractfile(name) for name in json.load(manifest)[0]["Layers"]]
            return [len(zlib.compress(layer.read())) for layer in layers if layer is not None]


def _seconds(*arguments: str) -> float:
    began = time.perf_counter()
    _docker(*arguments)
    return time.perf_counter() - began


def _docker(*arguments: str) -> str:
    return subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, check=True
    ).stdout.strip()
