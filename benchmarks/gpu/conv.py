"""Convolutions on a GPU, forward and both gradients, beside cuDNN's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

import numpy as np

import nnaccel as nn
from benchmarks.gpu import pytorch
from benchmarks.gpu.pytorch import EAGER, GRAPH
from benchmarks.gpu.report import OURS, Benchmark, Row
from benchmarks.gpu.timing import cupy_clock, medians, require_close, timed, torch_clock
from nnaccel.backends._backend import loop
from nnaccel.bench.conv_problem import ConvProblem
from nnaccel.bench.shapes import SHAPES, ConvShape

FORWARD, INPUT, WEIGHTS = DIRECTIONS = ("forward", "input gradient", "weight gradient")
BATCH = 256
_CHECKED = 4  # images compared with float64
CALL = f"{OURS} by call"


def benchmarks() -> dict[str, Benchmark]:
    """One for each named convolution in each direction."""
    return {
        f"conv {name} {direction}": partial(race, name, direction)
        for name in SHAPES
        for direction in DIRECTIONS
    }


def race(name: str, direction: str) -> list[Row]:
    """Compare with float64 and with cuDNN's result; then time in turns."""
    shape = SHAPES[name]
    problem = draw(replace(shape, image=(BATCH, *shape.image[1:])))
    with nn.use_backend("cupy") as backend, pytorch.settings():
        few = problem.head(_CHECKED)
        with nn.use_backend("numpy"):
            wanted = ours(few.astype(np.float64), direction)()
        got = nn.to_numpy(ours(resident(few), direction)())
        errors = {"float64 NumPy": require_close(f"{direction} of {name}", got, wanted)}
        run = ours(resident(problem), direction)
        contestants = {
            OURS: timed(backend.record(run), cupy_clock),
            CALL: timed(loop(run), cupy_clock),
        }
        if pytorch.is_available():
            other = cudnn(problem, direction)
            part = slice(None if direction == WEIGHTS else _CHECKED)  # all filters, or few images
            got, wanted = nn.to_numpy(run()[part]), other()[part].cpu().numpy()
            errors[EAGER] = require_close(f"{direction} of {name} beside cuDNN", got, wanted)
            contestants[EAGER] = timed(loop(other), torch_clock)
            with pytorch.left_out_if_failing(f"conv {name} {direction}: {GRAPH}"):
                contestants[GRAPH] = timed(pytorch.capture(other), torch_clock)
        values = medians(contestants)
    rates = {f"{who}, TFLOP/s": problem.shape.flops / ms / 1e9 for who, ms in values.items()}
    return [Row(f"conv {name} {direction}", "ms", values, errors, rates)]


@lru_cache(maxsize=1)
def draw(shape: ConvShape) -> ConvProblem:
    """Draw a problem; its three directions follow each other."""
    return ConvProblem.draw(shape)


def resident(problem: ConvProblem) -> ConvProblem:
    """The same with its arrays on the device in force; images channels-last, as between layers."""
    images = {name: channels_last(getattr(problem, name)) for name in ("x", "dy")}
    return replace(problem, w=nn.asarray(problem.w), b=nn.asarray(problem.b), **images)


def channels_last(image: np.ndarray) -> Any:
    """An image on the device in force, with the channels of a pixel side by side."""
    stored = np.ascontiguousarray(image.transpose(0, 2, 3, 1))
    return nn.asarray(stored).transpose(0, 3, 1, 2)


def ours(problem: ConvProblem, direction: str) -> Callable[[], Any]:
    """What computes one direction by nnaccel's ops, on the arrays' backend."""
    shape, x, w, dy = problem.shape, problem.x, problem.w, problem.dy
    how: dict[str, Any] = {
        "stride": shape.stride,
        "padding": shape.padding,
        "dilation": shape.dilation,
        "groups": shape.groups,
    }
    if direction == FORWARD:
        return lambda: nn.ops.conv2d(x, w, problem.b, **how)
    if direction == INPUT:
        sizes = zip(shape.image[2:], shape.output_size, shape.kernel_size, strict=True)
        more = tuple(size - _grown(positions, taps, shape) for size, positions, taps in sizes)
        return lambda: nn.ops.conv_transpose2d(dy, w, output_padding=more, **how)
    dw = nn.get_namespace(w).empty(w.shape, w.dtype)
    return lambda: nn.ops.conv2d_backward(dy, x, w, input_gradient=False, out=(dw, None), **how)[1]


def _grown(positions: int, taps: int, shape: ConvShape) -> int:
    """Rows or columns that a transposed convolution makes of so many positions."""
    extent = (taps - 1) * shape.dilation + 1
    return (positions - 1) * shape.stride - 2 * shape.padding + extent


def cudnn(problem: ConvProblem, direction: str) -> Callable[[], Any]:
    """The same by PyTorch, without autograd."""
    import torch
    from torch.nn import functional, grad

    arrays = problem.x, problem.w, problem.b, problem.dy
    x, w, b, dy = (torch.from_numpy(a).to(pytorch.DEVICE) for a in arrays)
    shape = problem.shape
    how = shape.stride, shape.padding, shape.dilation, shape.groups
    run = {
        FORWARD: lambda: functional.conv2d(x, w, b, *how),
        INPUT: lambda: grad.conv2d_input(x.shape, w, dy, *how),
        WEIGHTS: lambda: grad.conv2d_weight(x, w.shape, dy, *how),
    }[direction]
    return torch.no_grad()(run)
