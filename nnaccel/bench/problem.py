"""The common work of the contestants: an epoch of mini-batch SGD on an MLP, from given weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
Weights = list[tuple[FloatArray, FloatArray]]


class DisagreementError(RuntimeError):
    """Contestants computed different results from the same inputs."""


def glorot_weights(sizes: Sequence[int], rng: np.random.Generator) -> Weights:
    """Draw Glorot-uniform weights and zero biases for layers of the given sizes.

    Parameters
    ----------
    sizes : sequence of int
        Units per layer, input first: ``(784, 100, 10)``.
    rng : numpy.random.Generator
        Source of the weights; the same state gives the same weights.

    Returns
    -------
    list of (w, b)
        ``w`` float32 (fan_in, fan_out), ``b`` float32 (fan_out,), one pair for each layer.

    References
    ----------
    X. Glorot and Y. Bengio, Understanding the difficulty of training deep feedforward neural
    networks, AISTATS 2010.

    Examples
    --------
    >>> [(w, b)] = glorot_weights((3, 2), np.random.default_rng(0))
    >>> w.shape, b.shape, str(w.dtype)
    ((3, 2), (2,), 'float32')
    """
    weights = []
    for fan_in, fan_out in pairwise(sizes):
        limit = np.sqrt(6 / (fan_in + fan_out))
        w = rng.uniform(-limit, limit, (fan_in, fan_out)).astype(np.float32)
        weights.append((w, np.zeros(fan_out, np.float32)))
    return weights


@dataclass(frozen=True)
class Problem:
    """An MLP (ReLU hidden layers, softmax, mean cross-entropy), its data and its SGD settings.

    Parameters
    ----------
    images : uint8 (N, features)
        One flattened image a row.
    labels : int64 (N,)
        Class of each image, 0 … classes - 1.
    hidden : tuple of int
        Units of each hidden layer.
    batch_size : int
        Rows per SGD step; the last batch of an epoch may be smaller.
    learning_rate : float
        SGD step on the mean loss of a batch.
    classes : int
        Units of the softmax layer.
    seed : int
        Seed of the initial weights and of the shuffles.
    """

    images: npt.NDArray[np.uint8]
    labels: IntArray
    hidden: tuple[int, ...] = (100,)
    batch_size: int = 128
    learning_rate: float = 0.1
    classes: int = 10
    seed: int = 0

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units per layer, input first."""
        return (self.images.shape[1], *self.hidden, self.classes)

    @property
    def network(self) -> str:
        """The layers, such as ``784-100-10``."""
        return "-".join(map(str, self.sizes))

    @property
    def name(self) -> str:
        """The layers and the batch, such as ``784-100-10, batch 128``."""
        return f"{self.network}, batch {self.batch_size}"

    @cached_property
    def x(self) -> FloatArray:
        """The images scaled to 0 … 1 as float32, shared by the contestants."""
        return np.multiply(self.images, np.float32(1 / 255), dtype=np.float32)

    @property
    def flops(self) -> int:
        """Floating-point operations of the matrix products of one epoch.

        Forward, weight gradient and input gradient take two operations each for every weight and
        image; the first layer needs no input gradient.
        """
        products = [fan_in * fan_out for fan_in, fan_out in pairwise(self.sizes)]
        return 2 * len(self.images) * (3 * sum(products) - products[0])

    def initial_weights(self) -> Weights:
        """New copies of the common initial weights."""
        return glorot_weights(self.sizes, np.random.default_rng(self.seed))

    def head(self, rows: int) -> Problem:
        """The same problem on the first `rows` images."""
        return replace(self, images=self.images[:rows], labels=self.labels[:rows])
