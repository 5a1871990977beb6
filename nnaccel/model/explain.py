"""The explanation of a model: each layer's kernels and algorithms, with the reasons."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from nnaccel._html import lines as preformatted
from nnaccel._html import table
from nnaccel._validate import whole_number
from nnaccel.backends import Backend, is_kernels_only
from nnaccel.layers import Dense, Layer, Parallel, Shape
from nnaccel.layers._convolution import Convolution
from nnaccel.layers._tree import indented, is_live
from nnaccel.layers.conv2d_transpose import Conv2DTranspose
from nnaccel.network.chain import Network
from nnaccel.ops import _convolution, _geometry
from nnaccel_kernels.half import is_half
from nnaccel_kernels.window import ConvolutionPlan, Window

FORWARD, INPUT, WEIGHT = "forward", "input gradient", "weight gradient"

_HOST = "Python, run between kernels"
_HEAD = ("layer", "op", "", "backend", "kernel", "algorithm", "GFLOP", "workspace", "why")


class Step(NamedTuple):
    """One computation of a layer on a batch.

    Attributes
    ----------
    layer : str
        The layer's name; of one within others its path, such as 'residual/conv2d'.
    op : str
        Function of `nnaccel.ops`; the layer's class if it uses none.
    direction : {'forward', 'input gradient', 'weight gradient'}
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


def explain(model: Network, batch_size: int = 128) -> Explanation:
    """Return the kernels of a training step of a model, layer by layer.

    Nothing is computed or measured.

    Parameters
    ----------
    model : Sequential
        A built model.
    batch_size : int, default 128
        Items of the batch.

    Returns
    -------
    Explanation
        A tuple of `Step` that prints as a table. Gradients that training does not compute, such as
        that of the inputs, are left out.

    Raises
    ------
    RuntimeError
        If the model is not built.
    ValueError
        If the batch is smaller than 1.

    Examples
    --------
    >>> from nnaccel.layers import Conv2D, Dense
    >>> model = Network([Conv2D(8, 3, "relu"), Dense(10, "softmax")])
    >>> model.build((28, 28))
    >>> [step.kernel.split(".")[-1] for step in explain(model)][:2]
    ['conv2d', 'conv2d_weight_gradient']
    """
    if not model.built:
        raise RuntimeError("the model is not built yet: call build(input_shape) or fit first")
    batch_size = whole_number("batch_size", batch_size)
    body, tail, inside = model.layers[: model.head], model.layers[model.head :], model.compute_dtype
    before, wanted = _Training(batch_size, model.backend, inside), any(map(is_live, body))
    after = before._replace(dtype=model.dtype)
    steps = [*_chain_steps(body, before), *_chain_steps(tail, after, wanted)]
    return Explanation(steps, batch_size, inside)


class _Training(NamedTuple):
    """What a part of a training step runs on."""

    rows: int
    backend: Backend
    dtype: np.dtype[Any]


def _chain_steps(
    layers: Sequence[Layer], how: _Training, wanted: bool = False, prefix: str = ""
) -> Iterator[Step]:
    """The steps of layers one after another; `wanted` is the gradient of their input."""
    for layer in layers:
        path, live = prefix + layer.name, is_live(layer)
        parts = live and isinstance(layer, Parallel) and layer.join != "add"  # a sum's are dy
        is_needed = {FORWARD: True, INPUT: wanted or parts, WEIGHT: layer.trainable}
        yield from (s for s in _steps(layer, path, *how) if is_needed[s.direction])
        for branch in layer._branches:
            yield from _chain_steps(branch, how, wanted, f"{path}/")
        wanted = wanted or live


def _steps(
    layer: Layer, path: str, rows: int, backend: Backend, dtype: np.dtype[Any]
) -> Iterator[Step]:
    """The steps of a layer in every direction, without those of layers inside."""

    def step(op: str, direction: str, kernel: str, *rest: Any) -> Step:
        place = backend.kernels.place(kernel) if kernel else ""
        return Step(path, op, direction, backend.name, place, *rest)

    kind, directions = type(layer).__name__, (FORWARD, INPUT, *[WEIGHT] * bool(layer.params))
    if not is_kernels_only(layer.forward):
        for direction in directions:
            yield Step(path, kind, direction, backend.name, "host", why=_HOST)
    elif isinstance(layer, Convolution):
        for op, direction, kernel, plan in _plans(layer, rows, backend, dtype):
            gflop = _convolution_flops(layer, rows) / 1e9
            yield step(op, direction, kernel, plan.algorithm, gflop, plan.workspace, plan.why)
    elif isinstance(layer, Dense):
        gflop = 2 * rows * math.prod(layer.params["w"].shape) / 1e9
        product = "matmul in TF32" if backend.tf32 and dtype == np.float32 else "matmul"
        product = f"matmul of {dtype}" if is_half(dtype) else product
        yield step("linear", FORWARD, "linear", product, gflop)
        yield step("linear", INPUT, "linear_backward", product, gflop)
        yield step("linear", WEIGHT, "linear_backward", product, gflop)
    else:
        forward, backward = layer.kernel_names or ("", "")
        op = layer.join if isinstance(layer, Parallel) else forward or kind
        for direction in directions:
            yield step(op, direction, forward if direction == FORWARD else backward)


def _plans(
    layer: Convolution, rows: int, backend: Backend, dtype: np.dtype[Any]
) -> Iterator[tuple[str, str, str, ConvolutionPlan]]:
    """Op, direction, kernel and plan of a convolution in each direction."""
    inputs: Shape = (rows, *layer.image_of(layer.input_shape))
    outputs: Shape = (rows, *layer.image_of(layer.output_shape))
    op, kinds, image, positions = "conv2d", ("forward", "input_gradient"), inputs, outputs
    if isinstance(layer, Conv2DTranspose):  # the adjoint: its window slides over its output
        op, kinds, image, positions = "conv_transpose2d", kinds[::-1], outputs, inputs
    w, zero = layer.params["w"], np.zeros((), dtype)
    # Arrays of these shapes that take no memory.
    arrays = np.broadcast_to(zero, image), np.broadcast_to(zero, positions)
    how = _window(layer), image[1] // w.shape[1], layer.algorithm
    for kind, direction in zip((*kinds, "weight_gradient"), (FORWARD, INPUT, WEIGHT), strict=True):
        plan = _convolution.plan(backend, kind, arrays[0], arrays[1], w, *how, measure=False)
        yield op, direction, "conv2d" if kind == "forward" else f"conv2d_{kind}", plan


def _window(layer: Convolution) -> Window:
    """The window over the input, or over the output of a transposed convolution."""
    _, height, width = layer.image_of(layer.input_shape)
    if isinstance(layer, Conv2DTranspose):
        how = {**layer.movement, "output_padding": layer.output_padding}
        return _geometry.transposed_window((height, width), layer.kernel_size, **how)[0]
    return _geometry.window((height, width), layer.kernel_size, **layer.movement)


def _convolution_flops(layer: Convolution, rows: int) -> int:
    """Floating-point operations: two for each weight at each position of the window."""
    transposed = isinstance(layer, Conv2DTranspose)
    positions = layer.input_shape if transposed else layer.output_shape
    weights: Shape = layer.params["w"].shape
    return 2 * rows * math.prod(weights) * math.prod(layer.image_of(positions)[1:])
