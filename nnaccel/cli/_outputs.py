"""Files that commands write: checked before work begins, told of when it is interrupted."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from nnaccel.cli._common import echo


def check(save: Path | None, plot: Path | None) -> None:
    """Refuse places that cannot be written, before any time is spent."""
    for path in filter(None, (save, plot)):
        folder = path.absolute().parent
        if not folder.is_dir():
            raise click.UsageError(f"cannot write {path}: there is no folder {folder}")
        if not os.access(folder, os.W_OK):
            raise click.UsageError(f"cannot write {path}: the folder {folder} is read-only")
    if save is not None and save.suffix.lower() == ".onnx":
        raise click.UsageError(
            f"--save {save}: give a .safetensors, then nnaccel export makes ONNX"
        )
    if plot is not None and plot.suffix.lower() != ".png":
        raise click.UsageError(f"--plot draws a PNG: {plot} must end in .png")
    if plot is not None and find_spec("matplotlib") is None:
        raise click.UsageError("--plot needs matplotlib: pip install matplotlib")


def write_png(pixels: Any, path: Path) -> None:
    """Write uint8 pixels, grey, RGB or RGBA, as PNG, beside the place and then renamed into it."""
    from PIL import Image

    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        Image.fromarray(pixels).save(beside, format="PNG")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def told_if_interrupted(path: Path | None, rank: int = 0) -> Iterator[None]:
    """On Ctrl-C, have rank 0 say what of the training was kept in `path`; leave with status 130."""
    before = _written(path)
    try:
        yield
    except KeyboardInterrupt:
        if path is None:
            kept = "nothing was kept, for want of --save PATH"
        elif _written(path) == before:
            kept = f"no epoch was finished, and {path} is as it was"
        else:
            kept = f"every finished epoch is in {path}: nnaccel train --resume {path} goes on"
        if rank == 0:
            echo(f"\nnnaccel: interrupted; {kept}", err=True)
        raise click.exceptions.Exit(130) from None


def _written(path: Path | None) -> int:
    """When the file was written, in nanoseconds; 0 if there is none."""
    return path.stat().st_mtime_ns if path is not None and path.exists() else 0
