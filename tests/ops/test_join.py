"""Joins of arrays: sums, products, and channels one after another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnaccel import ops
from nnaccel.backends import asarray, to_numpy

from .checked import Checked, normal

SHAPES = [(4,), (3, 5), (2, 3, 4, 5), (2, 1, 3, 2), (2, 3, 1, 1), (0, 3), (0, 2, 3, 3)]


def channels_last(a: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


@pytest.mark.parametrize("shape", SHAPES)
def test_sums_and_products(backend: Any, shape: tuple[int, ...]) -> None:
    x, z = normal(*shape, seed=0), normal(*shape, seed=1)
    np.testing.assert_array_equal(to_numpy(ops.add(asarray(x), asarray(z))), x + z)
    np.testing.assert_array_equal(to_numpy(ops.multiply(asarray(x), asarray(z))), x * z)
    if x.size:
        Checked(ops.add, lambda dy, x, z: (dy, dy)).run(x, z)
        Checked(ops.multiply, lambda dy, x, z: (ops.multiply(dy, z), ops.multiply(dy, x))).run(x, z)


@pytest.mark.parametrize("sizes", [(2, 3), (1, 1, 4), (5,), (0, 2)])
@pytest.mark.parametrize("rest", [(), (4,), (2, 3), (1, 1)])
def test_concat_and_split(backend: Any, sizes: tuple[int, ...], rest: tuple[int, ...]) -> None:
    arrays = [normal(3, size, *rest, seed=size) for size in sizes]
    whole = ops.concat([asarray(a) for a in arrays])
    np.testing.assert_array_equal(to_numpy(whole), np.concatenate(arrays, axis=1))
    for part, a in zip(ops.split(whole, sizes), arrays, strict=True):
        np.testing.assert_array_equal(to_numpy(part), a)


@pytest.mark.parametrize("order", ["first", "second", "both"])
def test_either_memory_order(backend: Any, order: str) -> None:
    x, z = normal(2, 3, 4, 5), normal(2, 3, 4, 5, seed=1)
    a = asarray(channels_last(x) if order != "second" else x)
    b = asarray(channels_last(z) if order != "first" else z)
    for op, expected in ((ops.add, x + z), (ops.multiply, x * z)):
        np.testing.assert_array_equal(to_numpy(op(a, b)), expected)
    joined = ops.concat([a, b])
    assert joined.flags.c_contiguous == (order == "second")
    np.testing.assert_array_equal(to_numpy(joined), np.concatenate([x, z], axis=1))
    for part, expected in zip(ops.split(joined, [3, 3]), (x, z), strict=True):
        np.testing.assert_array_equal(to_numpy(part), expected)


def test_what_does_not_fit(backend: Any) -> None:
    x = asarray(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"x has shape \(2, 3\) but z has \(2, 2\)"):
        ops.add(x, asarray(np.ones((2, 2))))
    with pytest.raises(ValueError, match=r"x1 has shape \(3, 3\) and x0 has \(2, 3\)"):
        ops.concat([x, asarray(np.ones((3, 3)))])
    with pytest.raises(ValueError, match="at least one array"):
        ops.concat([])
    with pytest.raises(ValueError, match=r"must be the sum of \[1, 1\]"):
        ops.split(x, [1, 1])
    with pytest.raises(TypeError, match="two dtypes"):
        ops.multiply(x, asarray(np.ones((2, 3), np.float32)))
