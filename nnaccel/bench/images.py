"""Images for the benchmarks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nnaccel.bench.problem import IntArray
from nnaccel.data import DataNotFoundError, mnist


class Images(NamedTuple):
    """A name, flattened uint8 images (N, features), and int64 labels (N,)."""

    name: str
    x: npt.NDArray[np.uint8]
    y: IntArray


def mnist_or_synthetic() -> Images:
    """Return the MNIST training set if this machine has it, else synthetic images of its shape.

    Nothing is downloaded.

    Examples
    --------
    >>> mnist_or_synthetic().x.shape
    (60000, 784)
    """
    try:
        (x, y), _ = mnist(download=False)
    except DataNotFoundError:
        return synthetic()
    return Images("MNIST", x.reshape(len(x), -1), y)


def synthetic(rows: int = 60_000, features: int = 784, classes: int = 10, seed: int = 0) -> Images:
    """Make learnable images that are mostly zeros, as MNIST's are.

    The images of a class have random values in the same random fifth of the pixels.

    Examples
    --------
    >>> synthetic(rows=3).x.shape
    (3, 784)
    """
    rng = np.random.default_rng(seed)
    inked = rng.random((classes, features)) < 0.2
    y = rng.integers(0, classes, rows)
    x = rng.integers(0, 256, (rows, features), np.uint8)
    x *= inked[y]
    return Images("synthetic images of MNIST's shape", x, y)
