"""The image: its size over the base, what a change of the code pulls again, and how fast it starts."""

from __future__ import annotations

import json
import shutil
import subprocess
import time

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
    code = sum(_last_layers(image, BASE)[-1:]) / 1e6
    ours, reference = [], []
    for _ in range(ROUNDS):
        ours.append(_seconds("run", "--rm", image, "--version"))
        reference.append(_seconds("run", "--rm", "--entrypoint", "python", image, "-c", "print()"))
    return [
        Row("image over its base", [over_base], "MB", limit=60),
        Row("pulled again after a code change (uncompressed)", [code], "MB", limit=1),
        Row("docker run … --version", ours, "s", "an empty Python program", reference),
    ]


def _size(image: str) -> float:
    return float(_docker("image", "inspect", "--format", "{{.Size}}", image))


def _last_layers(image: str, base: str) -> list[float]:
    """Return the sizes of the layers that the image adds to its base, oldest first, in bytes."""
    lines = _docker("history", "--no-trunc", "--human=false", "--format", "{{json .}}", image).splitlines()
    sizes = [float(json.loads(line)["Size"]) for line in reversed(lines)]
    added = sizes[len(_docker("history", "--format", "x", base).splitlines()) :]
    return [size for size in added if size > 0]


def _seconds(*arguments: str) -> float:
    began = time.perf_counter()
    _docker(*arguments)
    return time.perf_counter() - began


def _docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True).stdout.strip()
