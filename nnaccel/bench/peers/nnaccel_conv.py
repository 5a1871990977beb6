"""The convolution in nnaccel by its public ops in either order of memory, and by plain NumPy."""

from __future__ import annotations

from typing import Any

from nnaccel import ops
from nnaccel.backends import Array, get_backend, use_backend
from nnaccel.bench.conv_problem import ConvProblem, Results


class NnaccelConv:
    """`ops.conv2d` and `ops.conv2d_backward` on a backend, whose arrays are there beforehand."""

    def __init__(
        self, problem: ConvProblem, backend: str = "numba", algorithm: str = "auto"
    ) -> None:
        self.problem = problem
        self.backend = get_backend(backend)
        arrays = (problem.x, problem.w, problem.b, problem.dy)
        self.x, self.w, self.b, self.dy = map(self.backend.asarray, arrays)
        self.x, self.dy = map(self.in_order, (self.x, self.dy))
        shape = problem.shape
        self.settings: dict[str, Any] = {
            "stride": shape.stride,
            "padding": shape.padding,
            "dilation": shape.dilation,
            "groups": shape.groups,
            "algorithm": algorithm,
        }

    @staticmethod
    def in_order(images: Array) -> Array:
        """Return images in the order of memory that is timed."""
        return images

    def forward(self) -> Results:
        """Compute and return (y,)."""
        with use_backend(self.backend.name):
            y = ops.conv2d(self.x, self.w, self.b, **self.settings)
        self.backend.synchronize()
        return (y,)

    def backward(self) -> Results:
        """Compute and return (dx, dw, db)."""
        with use_backend(self.backend.name):
            gradients = ops.conv2d_backward(self.dy, self.x, self.w, **self.settings)
        self.backend.synchronize()
        return gradients


class NnaccelChannelsLastConv(NnaccelConv):
    """The same on images that lie channels-last beforehand, as they do between layers."""

    @staticmethod
    def in_order(images: Array) -> Array:
        """Return images with the channels of a pixel side by side in memory."""
        pixels = images.transpose(0, 2, 3, 1).reshape(-1).reshape
        n, channels, height, width = images.shape
        return pixels(n, height, width, channels).transpose(0, 3, 1, 2)


class NaiveConv(NnaccelConv):
    """The loops of the definition in plain NumPy, on one image, which takes seconds."""

    def __init__(self, problem: ConvProblem) -> None:
        super().__init__(problem.head(1), "numpy", "direct")
