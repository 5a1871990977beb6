"""The explanation of a model: each layer's kernels and algorithms, with the reasons."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple, overload

import numpy as np

from nnaccel._validate import whole_number
from nnaccel.backends import Backend, is_kernels_only
from nnaccel.layers import Dense, Layer, Parallel, Shape
from nnaccel.layers._convolution import Convolution
from nnaccel.layers._tree import is_live
from nnaccel.layers.conv2d_transpose import Conv2DTranspose
from nnaccel.model.compiled import CompiledNetwork
from nnaccel.model.explanation import FORWARD, INPUT, WEIGHT, Explanation, Step
from nnaccel.model.timing import Timings, time_steps
from nnaccel.network.chain import Network
from nnaccel.ops import _convolution, _geometry
from nnaccel_kernels.half import is_half
from nnaccel_kernels.window import ConvolutionPlan, Window

_HOST = "Python, run between kernels"


@overload
def explain(model: Network, batch_size: int = 128) -> Explanation: ...


@overload
def explain(
    model: Network,
    batch_size: int = 128,
    *,
    timed: Literal[True],
    steps: int = 30,
) -> Timings: ...


def explain(
    model: Network,
    batch_size: int = 128,
    *,
    timed: bool = False,
    steps: int = 30,
) -> Explanation | Timings:
    """Return the kernels of a training step of a model, layer by layer, or the time they take.

    Nothing is computed or measured unless `timed` is true, and the model stays as it is.

    Parameters
    ----------
    model : Sequential
        A built model; with `timed` a compiled one.
    batch_size : int, default 128
        Items of the batch.
    timed : bool, default False
        Whether to run training steps of a copy of the model, on random inputs, and to time each
        layer's forward and backward pass.
    steps : int, default 30
        Training steps to time.

    Returns
    -------
    Explanation
        A tuple of `Step` that prints as a table. Gradients that training does not compute, such as
        that of the inputs, are left out.
    Timings
        With `timed`, a tuple of `Timing` that prints as a table, and that `nnaccel.plot.timings`
        draws.

    Raises
    ------
    RuntimeError
        If the model is not built; with `timed`, if it is not compiled.
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
    batch_size, steps = whole_number("batch_size", batch_size), whole_number("steps", steps)
    planned = _planned(model, batch_size)
    if not timed:
        return planned
    assert isinstance(model, CompiledNetwork)
    return time_steps(model, planned, steps)


def _planned(model: Network, batch_size: int) -> Explanation:
    """Return the steps of a training step."""
    body, tail, inside = model.layers[: model.head], model.layers[model.head :], model.compute_dtype
    before, wanted = _Training(batch_size, model.backend, inside), any(map(is_live, body))
    after = before._replace(dtype=model.dtype)
    steps = [*_chain_steps(body, before), *_chain_steps(tail, after, wanted)]
    if isinstance(model, CompiledNetwork) and model.loss is not None:
        steps.append(_update_step(model))
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


def _update_step(model: CompiledNetwork) -> Step:
    """The update, and which settings its segments of parameters have."""
    optimizer, backend = model.optimizer, model.backend
    segments = model.segments(bool(getattr(optimizer, "weight_decay", 0)))
    factors = dict.fromkeys(segment.rate_factor for segment in segments)
    words = [f"{len(segments)} segment{'s' * (len(segments) != 1)} of parameters"]
    if len(factors) > 1 or factors.keys() - {1.0}:
        words.append("learning rate × " + " and ".join(f"{factor:g}" for factor in factors))
    if any(segment.decays for segment in segments):
        words.append(f"weight decay of {sum(s.decays for s in segments)} of them")
    constrained = sum(bool(layer.constraint) for layer in model.leaves)
    words += [f"{constrained} constrained"] * bool(constrained)
    words += ["averages of them"] * optimizer.use_ema
    if optimizer.gradient_accumulation_steps:
        words.append(f"after {optimizer.gradient_accumulation_steps} batches")
    kernel = "" if is_kernels_only(optimizer.update) else "host"
    return Step("update", type(optimizer).__name__, "", backend.name, kernel, why=", ".join(words))


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
