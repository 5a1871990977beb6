"""The arrays of one convolution, and the interface of its contestants."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from nnaccel.bench.shapes import ConvShape

Floats = npt.NDArray[Any]
Results = tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class ConvProblem:
    """Images x (N, C, H, W), weights w, biases b (K,) and the output gradient dy (N, K, OH, OW).

    Examples
    --------
    >>> from nnaccel.bench.shapes import parse
    >>> ConvProblem.draw(parse("2x3x8x8-k4-3x3")).dy.shape
    (2, 4, 6, 6)
    """

    shape: ConvShape
    x: Floats
    w: Floats
    b: Floats
    dy: Floats

    @classmethod
    def draw(cls, shape: ConvShape, seed: int = 0) -> ConvProblem:
        """Draw normal float32 numbers, with weights scaled so that outputs are of order 1."""
        rng = np.random.default_rng(seed)

        def normal(size: tuple[int, ...]) -> Floats:
            return rng.standard_normal(size, np.float32)

        w = normal(shape.weight_shape)
        w /= np.float32(np.sqrt(w[0].size))
        return cls(shape, normal(shape.image), w, normal(w.shape[:1]), normal(shape.output_shape))

    def head(self, images: int) -> ConvProblem:
        """Return the same convolution on the first images."""
        image = (min(images, self.shape.batch_size), *self.shape.image[1:])
        x, dy = self.x[:images], self.dy[:images]
        return replace(self, shape=replace(self.shape, image=image), x=x, dy=dy)

    def astype(self, dtype: npt.DTypeLike) -> ConvProblem:
        """Return the same in another precision."""
        arrays = {name: getattr(self, name).astype(dtype) for name in ("x", "w", "b", "dy")}
        return replace(self, **arrays)


class ConvContestant(Protocol):
    """One convolution in one library, with its arrays in the library's own format."""

    problem: ConvProblem

    def forward(self) -> Results:
        """Compute and return (y,)."""

    def backward(self) -> Results:
        """Compute and return (dx, dw, db)."""
