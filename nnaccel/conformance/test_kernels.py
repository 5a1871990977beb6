"""Every kernel gives what the plain one gives on NumPy, at awkward shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnaccel.backends import Backend, get_backend
from nnaccel.conformance.calls import CALLS
from nnaccel.conformance.comparing import HALVES, assert_same, halved, run

SHAPES = [(0, 3), (1, 1), (1, 17), (33, 1), (5, 40), (20, 7)]

functions = pytest.mark.parametrize("function", sorted(CALLS))


@functions
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_gives_what_the_plain_one_gives(backend: Backend, function: str, dtype: str) -> None:
    for seed, shape in enumerate(SHAPES):
        args = CALLS[function](np.random.default_rng(seed), *shape, np.dtype(dtype))
        want = run(get_backend("numpy"), function, args)
        assert_same(run(backend, function, args), want, dtype)


@functions
@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_16_bits_are_computed_in_float32(backend: Backend, function: str, dtype: Any) -> None:
    if not backend.halves:
        pytest.skip(f"{backend.name} takes no arrays of 16 bits")
    for seed, shape in enumerate(SHAPES):
        drawn = CALLS[function](np.random.default_rng(seed), *shape, np.dtype(np.float32))
        args = halved(drawn, dtype)
        wide = {
            key: value.astype(np.float32) if getattr(value, "dtype", None) == dtype else value
            for key, value in args.items()
        }
        want = run(get_backend("numpy"), function, wide)
        assert_same(run(backend, function, args), want, dtype)
