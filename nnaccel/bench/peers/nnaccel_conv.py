"""The convolution in nnaccel by its public ops on NCHW arrays, and by plain NumPy."""

from __future__ import annotations

from typing import Any

from nnaccel import ops
from nnaccel.backends import use_backend
from nnaccel.bench.conv_problem import ConvProblem, Results


class NnaccelConv:
    """`ops.conv2d` and `ops.conv2d_backward` on a backend."""

    def __init__(
        self, problem: ConvProblem, backend: str = "numba", algorithm: str = "auto"
    ) -> None:
        self.problem = problem
        self.backend = backend
        shape = problem.shape
        self.settings: dict[str, Any] = {
            "stride": shape.stride,
            "padding": shape.padding,
            "dilation": shape.dilation,
            "groups": shape.groups,
            "algorithm": algorithm,
        }

    def forward(self) -> Results:
        """Compute and return (y,)."""
        p = self.problem
        with use_backend(self.backend):
            return (ops.conv2d(p.x, p.w, p.b, **self.settings),)

    def backward(self) -> Results:
        """Compute and return (dx, dw, db)."""
        p = self.problem
        with use_backend(self.backend):
            return ops.conv2d_backward(p.dy, p.x, p.w, **self.settings)


class NaiveConv(NnaccelConv):
    """The loops of the definition in plain NumPy, on one image, which takes seconds."""

    def __init__(self, problem: ConvProblem) -> None:
        super().__init__(problem.head(1), "numpy", "direct")
