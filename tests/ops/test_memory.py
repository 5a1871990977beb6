"""Elementwise ops on channels-last images: the order stays, the numbers are the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnaccel import ops
from nnaccel.backends import asarray, to_numpy, use_backend
from nnaccel.ops._memory import as_rows

from .checked import ACTIVATIONS, channels_last, is_channels_last, normal

KEY = np.array([1], np.uint64)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(backend: Any, name: str) -> None:
    f, back = getattr(ops, name), getattr(ops, f"{name}_backward")
    x, dy = normal(2, 3, 4, 5), normal(2, 3, 4, 5, seed=1)
    want = f(asarray(x))
    known = x if ACTIVATIONS[name] == "x" else to_numpy(want)
    want_dx = to_numpy(back(asarray(dy), asarray(known)))
    got = f(asarray(channels_last(x)))
    assert is_channels_last(got) == ("softmax" not in name)
    np.testing.assert_allclose(to_numpy(got), to_numpy(want), rtol=1e-13)
    for lay_dy, lay in ((channels_last, channels_last), (np.array, channels_last)):
        for a, b in ((lay_dy(dy), lay(known)), (lay(dy), lay_dy(known))):
            dx = back(asarray(a), asarray(b))
            assert is_channels_last(dx) == ("softmax" not in name and is_channels_last(b))
            np.testing.assert_allclose(to_numpy(dx), want_dx, rtol=1e-12, atol=1e-15)


def test_dropouts_mask_is_that_of_the_place(backend: Any) -> None:
    x = normal(2, 3, 4, 5)
    place = {"key": KEY, "step": asarray(np.array([0]))}
    want = to_numpy(ops.dropout(asarray(x), 0.5, **place))
    got = ops.dropout(asarray(channels_last(x)), 0.5, **place)
    np.testing.assert_array_equal(to_numpy(got), want)
    assert 0.2 < (want == 0).mean() < 0.8


@pytest.mark.parametrize("lay", [np.array, channels_last])
def test_rows(backend: Any, lay: Any) -> None:
    x = normal(2, 3, 4, 5)
    rows = as_rows(asarray(lay(x)))
    assert rows.flags.c_contiguous
    np.testing.assert_array_equal(to_numpy(rows), x.reshape(2, -1))


def test_recorded_ops_follow_channels_last_images() -> None:
    x = normal(2, 3, 4, 5)
    stored = channels_last(np.zeros_like(x))
    results: list[Any] = []

    def step() -> None:
        y = ops.relu(stored)
        results.extend(
            [
                y,
                as_rows(y),
                ops.dropout(y, 0.0, key=KEY, step=np.zeros(1, int)),
                ops.relu_backward(plain, y),
            ]
        )

    plain = np.ones_like(x)
    with use_backend("numba") as backend:
        replay = backend.record(step)
        stored[...] = x
        replay(1)
    y, rows, dropped, dx = results
    np.testing.assert_array_equal(y, np.maximum(x, 0))
    np.testing.assert_array_equal(rows, np.maximum(x, 0).reshape(2, -1))
    np.testing.assert_array_equal(dropped, np.maximum(x, 0))
    np.testing.assert_array_equal(dx, x > 0)
    assert is_channels_last(dx)
