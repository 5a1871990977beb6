"""Training a convolutional network: its images, initial weights and operation count."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from nnaccel.bench.problem import FloatArray, IntArray, Weights
from nnaccel.model.architectures import ARCHITECTURES, Conv, Hidden, Pool


@dataclass(frozen=True)
class CnnProblem:
    """One of the named architectures, a softmax layer, images and SGD settings.

    Parameters
    ----------
    images : uint8 (N, H, W)
        Grey images.
    labels : int64 (N,)
        Class of each image, 0 … classes - 1.
    architecture : str
        Name in `nnaccel.model.architectures.ARCHITECTURES`.
    batch_size, learning_rate, classes, seed
        As in `nnaccel.bench.problem.Problem`.

    Examples
    --------
    >>> problem = CnnProblem(np.zeros((2, 28, 28), np.uint8), np.zeros(2, np.int64))
    >>> problem.network
    'cnn 32c3-64c3-p2-128-10'
    >>> [w.shape for w, _ in problem.initial_weights()]
    [(32, 1, 3, 3), (64, 32, 3, 3), (9216, 128), (128, 10)]
    """

    images: npt.NDArray[np.uint8]
    labels: IntArray
    architecture: str = "cnn"
    batch_size: int = 128
    learning_rate: float = 0.05
    classes: int = 10
    seed: int = 0

    @property
    def network(self) -> str:
        """The layers in short notation."""
        parts = []
        for step in ARCHITECTURES[self.architecture]:
            match step:
                case Conv(filters, size):
                    parts.append(f"{filters}c{size}")
                case Pool(size):
                    parts.append(f"p{size}")
                case Hidden(units):
                    parts.append(str(units))
        return f"{self.architecture} {'-'.join(parts)}-{self.classes}"

    @property
    def name(self) -> str:
        """The network and the batch size."""
        return f"{self.network}, batch {self.batch_size}"

    @cached_property
    def x(self) -> FloatArray:
        """The images scaled to 0 … 1 as float32 (N, 1, H, W), shared by the contestants."""
        return np.multiply(self.images, np.float32(1 / 255), dtype=np.float32)[:, None]

    @cached_property
    def products(self) -> list[tuple[tuple[int, ...], int]]:
        """Shape of each layer's weights, and the number of positions of an image they apply to."""
        _, height, width = self.images.shape
        channels = 1
        found: list[tuple[tuple[int, ...], int]] = []
        shape: tuple[int, ...]
        for step in (*ARCHITECTURES[self.architecture], Hidden(self.classes)):
            match step:
                case Conv(filters, size):
                    height, width = height - size + 1, width - size + 1
                    shape, channels = (filters, channels, size, size), filters
                    found.append((shape, height * width))
                case Pool(size):
                    height, width = height // size, width // size
                case Hidden(units):
                    shape, channels = (channels * height * width, units), units
                    height = width = 1
                    found.append((shape, 1))
        return found

    @property
    def flops(self) -> int:
        """Floating-point operations of the matrix products and convolutions of one epoch.

        Counted as in `nnaccel.bench.problem.Problem`; the first layer needs no input gradient.
        """
        layers = [int(np.prod(shape)) * positions for shape, positions in self.products]
        return 2 * len(self.images) * (3 * sum(layers) - layers[0])

    def initial_weights(self) -> Weights:
        """New copies of the common initial weights: Glorot-uniform, with zero biases."""
        rng = np.random.default_rng(self.seed)
        weights = []
        for shape, _ in self.products:
            taps = int(np.prod(shape[2:]))
            limit = np.sqrt(6 / ((shape[0] + shape[1]) * taps))
            w = rng.uniform(-limit, limit, shape).astype(np.float32)
            b = np.zeros(shape[0] if len(shape) == 4 else shape[1], np.float32)
            weights.append((w, b))
        return weights

    def head(self, rows: int) -> CnnProblem:
        """The same problem on the first `rows` images."""
        return replace(self, images=self.images[:rows], labels=self.labels[:rows])
