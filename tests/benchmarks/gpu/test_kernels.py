"""Kernels that move memory: the bytes that count, in every dtype of activations."""

from __future__ import annotations

import numpy as np
import pytest

import nnaccel as nn
from benchmarks.gpu import cost, kernels


@pytest.mark.parametrize("name", ["copy", "im2col", "max_pool2d", "adam"])
def test_bytes_are_those_of_what_is_read_and_written(name: str) -> None:
    shape = (2, 3, 8, 8)
    with nn.use_backend("numba"):
        case = getattr(kernels, name)(600 if name == "adam" else shape)
        written = case.run()
    np.testing.assert_allclose(written[: len(case.wanted)], case.wanted, 1e-4)
    read = 3 * written.nbytes + 3 * written.nbytes if name == "adam" else 2 * 3 * 8 * 8 * 4
    assert case.bytes == read + written.nbytes


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_16_bits_halve_the_bytes_of_activations_only(dtype: str) -> None:
    whole, half = ({w.name: w for w in cost.works(kind)} for kind in ("float32", dtype))
    saved = {name: work.bytes / half[name].bytes for name, work in whole.items()}
    assert saved["copy"] == saved["im2col 3x3"] == saved["ReLU backward"] == 2
    assert saved["SGD"] == saved["Adam, 25 million"] == saved["loss"] == 1
    assert 1.9 < saved["256x64x56x56-k64-3x3-s1-p1 forward"] < 2
    more = {"weights, rounded", "last layer's input, widened", "its gradient, rounded"}
    scaling = {"loss scale", "scale taken back"} if dtype == "float16" else set()
    assert set(half) - set(whole) == more | scaling
    assert all(half[name].flop == work.flop for name, work in whole.items())
