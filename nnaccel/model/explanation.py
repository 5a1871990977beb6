"""The steps of a training step, layer by layer, as a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, Self

import numpy as np

from nnaccel._html import lines as preformatted
from nnaccel._html import table
from nnaccel.layers._tree import indented

_HEAD = ("layer", "op", "", "backend", "kernel", "algorithm", "GFLOP", "workspace", "why")
FORWARD, INPUT, WEIGHT = "forward", "input gradient", "weight gradient"


class Step(NamedTuple):
    """One computation of a layer on a batch.

    Attributes
    ----------
    layer : str
        The layer's path, such as 'dense' or 'residual/conv2d'; 'update' for the last step of a
        compiled model.
    op : str
        Function of `nnaccel.ops`; the class of the layer if it uses none, or of the optimiser.
    direction : {'forward', 'input gradient', 'weight gradient', ''}
    backend : str
        'numpy', 'numba' or 'cupy'.
    kernel : str
        Kernel of the backend; 'host' for Python code of the user, empty if nothing is computed.
    algorithm : str
        Of a convolution: 'im2col', 'direct', 'gemm' or 'winograd', and the implementation if there
        are several, as in 'gemm-planes'; 'auto' before a GPU has measured it. 'matmul' of a matrix
        product.
    gflop : float
        Billions of floating-point operations of matrix products for the batch, by the definition.
    workspace : int
        Bytes besides arguments and results.
    why : str
        Reason for the algorithm.
    """

    layer: str
    op: str
    direction: str
    backend: str
    kernel: str
    algorithm: str = ""
    gflop: float = 0.0
    workspace: int = 0
    why: str = ""


class Explanation(tuple[Step, ...]):
    """Steps in the order of the layers; prints as a table.

    Attributes
    ----------
    batch_size : int
        Items of the batch.
    dtype : dtype
        Dtype of activations before the last layer with parameters.
    """

    batch_size: int
    dtype: np.dtype[Any]

    def __new__(cls, steps: Iterable[Step], batch_size: int, dtype: np.dtype[Any]) -> Self:
        """Make the tuple of steps."""
        explanation = super().__new__(cls, steps)
        explanation.batch_size, explanation.dtype = batch_size, dtype
        return explanation

    def __str__(self) -> str:
        """A header, a line for each step, and the sums."""
        rows = [_HEAD, *self._rows()]
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
        lines = []
        for row in rows:
            left = (f"{text:<{width}}" for text, width in zip(row[:6], widths, strict=False))
            right = (f"{text:>{width}}" for text, width in zip(row[6:8], widths[6:], strict=True))
            lines.append("  ".join([*left, *right, row[8]]).rstrip())
        rule = "-" * max(map(len, lines))
        return "\n".join([lines[0], rule, *lines[1:], rule, self._total()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Show the same in a notebook."""
        return table(_HEAD, self._rows(), "llllllrrl") + preformatted([self._total()])

    def _rows(self) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = []
        last = ""
        for step in self:
            layer, op = (indented(step.layer), step.op) if step.layer != last else ("", "")
            gflop = f"{step.gflop:.4f}" if step.gflop else "–"
            workspace = f"{step.workspace:,}" if step.workspace else "–"
            names = step.direction, step.backend, step.kernel or "–", step.algorithm or "–"
            rows.append((layer, op, *names, gflop, workspace, step.why))
            last = step.layer
        return rows

    def _total(self) -> str:
        gflop = f"{sum(step.gflop for step in self):.4f} GFLOP"
        total = f"{gflop} a training step of {self.batch_size:,} items in {self.dtype}"
        most = f"{max((step.workspace for step in self), default=0):,} bytes of workspace at most"
        return f"{total}, {most}"
