"""The rate of a large matrix product on a GPU: the ceiling of all that multiplies."""

from __future__ import annotations

import numpy as np

import nnaccel as nn
from benchmarks.gpu import pytorch
from benchmarks.gpu.kernels import numbers
from benchmarks.gpu.pytorch import EAGER
from benchmarks.gpu.report import OURS, Row
from benchmarks.gpu.timing import cupy_clock, medians, require_close, timed, torch_clock
from nnaccel.backends._backend import loop

_CHECKED = 64  # rows


def product(size: int = 8192) -> list[Row]:
    """TFLOP/s of a product of square float32 matrices."""
    host = numbers(size, size)
    with nn.use_backend("cupy"), pytorch.settings():
        x, w = nn.asarray(host), nn.asarray(host.T.copy())
        got = nn.to_numpy(nn.ops.linear(x, w)[:_CHECKED])
        wanted = host[:_CHECKED].astype(np.float64) @ host.T.astype(np.float64)
        errors = {"float64 NumPy": require_close("the product", got, wanted)}
        contestants = {OURS: timed(loop(lambda: nn.ops.linear(x, w)), cupy_clock)}
        if pytorch.is_available():
            import torch

            a = torch.from_numpy(host).to(pytorch.DEVICE)
            b = a.T.contiguous()
            contestants[EAGER] = timed(loop(lambda: torch.matmul(a, b)), torch_clock)
        ms = medians(contestants)
    rates = {who: 2 * size**3 / each / 1e9 for who, each in ms.items()}
    return [Row(f"product of {size}x{size}, float32", "TFLOP/s", rates, errors)]
