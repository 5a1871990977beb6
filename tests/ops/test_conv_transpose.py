"""Transposed convolution: the adjoint of convolution, its gradients and its sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnaccel import ops
from nnaccel.backends import asarray, to_numpy

from .checked import ORDERS, Checked, is_channels_last, normal


@st.composite
def cases(draw: Any) -> tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]:
    """Shapes of x and w, and settings that fit them."""
    n, groups, c, k = (draw(st.integers(1, most)) for most in (2, 3, 2, 2))
    size, taps, stride, dilation = (
        draw(st.tuples(*[st.integers(1, most)] * 2)) for most in (5, 4, 3, 3)
    )
    how = {"stride": stride, "dilation": dilation, "groups": groups}
    if draw(st.booleans()):
        how["padding"] = "same"
    else:
        grown = [
            (p - 1) * s + (t - 1) * d
            for p, s, t, d in zip(size, stride, taps, dilation, strict=True)
        ]
        down, across = (draw(st.tuples(*[st.integers(0, g // 2)] * 2)) for g in grown)
        how["padding"] = (*down, *across)
        how["output_padding"] = tuple(
            draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True)
        )
    return (n, c * groups, *size), (c * groups, k, *taps), how


@given(case=cases())
def test_the_adjoint_of_convolution(backend: Any, case: Any) -> None:
    """For all u, v: the product of conv(u) and v is that of u and conv_transpose(v)."""
    shape, filters, how = case
    v, w = normal(*shape), normal(*filters, seed=1)
    y = to_numpy(ops.conv_transpose2d(asarray(v), asarray(w), **how))
    u = normal(*y.shape, seed=2)
    how.pop("output_padding", None)
    there = to_numpy(ops.conv2d(asarray(u), asarray(w), **how))
    there = there[:, :, : shape[2], : shape[3]]  # output_padding may make room for more positions
    assert float((there * v).sum()) == pytest.approx(float((u * y).sum()), rel=1e-9, abs=1e-9)


@settings(max_examples=10)
@given(case=cases())
def test_gradients(backend: Any, case: Any) -> None:
    shape, filters, how = case
    outputs = filters[1] * how["groups"]
    Checked(
        lambda x, w, b: ops.conv_transpose2d(x, w, b, **how),
        lambda dy, x, w, b: ops.conv_transpose2d_backward(dy, x, w, **how),
    ).run(normal(*shape), normal(*filters, seed=1), normal(outputs, seed=2))


def test_each_pixel_adds_its_multiple_of_the_filter(backend: Any) -> None:
    x, w = normal(2, 3, 4, 5), normal(3, 2, 2, 3, seed=1)
    want = np.zeros((2, 2, 8, 11))
    for i, j in np.ndindex(4, 5):
        want[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 3] += np.einsum(
            "nc,ckrs->nkrs", x[:, :, i, j], w
        )
    got = ops.conv_transpose2d(asarray(x), asarray(w), stride=2)
    np.testing.assert_allclose(to_numpy(got), want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("how", "size"),
    [
        ({}, (6, 7)),
        ({"stride": 2}, (9, 11)),
        ({"stride": 2, "output_padding": 1}, (10, 12)),
        ({"stride": (2, 3), "padding": 1, "output_padding": (0, 2)}, (7, 15)),
        ({"stride": 3, "padding": "same"}, (12, 15)),
        ({"stride": (5, 4), "padding": "same"}, (20, 20)),
        ({"padding": "same", "dilation": 2}, (4, 5)),
        ({"dilation": 3, "output_padding": 2}, (12, 13)),
        ({"padding": (1, 0, 0, 2)}, (5, 5)),
        ({"padding": "valid"}, (6, 7)),
    ],
)
def test_sizes(backend: Any, how: dict[str, Any], size: tuple[int, int]) -> None:
    y = ops.conv_transpose2d(asarray(normal(1, 2, 4, 5)), asarray(normal(2, 3, 3, 3)), **how)
    assert y.shape == (1, 3, *size)


@pytest.mark.parametrize("name", ["linear", "relu", "leaky_relu", "tanh"])
@pytest.mark.parametrize("last", [True, False])
def test_bias_and_activation(backend: Any, name: str, last: bool) -> None:
    x, w, b = (asarray(normal(*s)) for s in ((2, 3, 4, 4), (3, 5, 2, 2), (5,)))
    for bias in (b, None):
        fused = ops.conv_transpose2d(x, w, bias, activation=name, channels_last=last)
        want = to_numpy(ops.conv_transpose2d(x, w))
        want = want if bias is None else want + to_numpy(b)[:, None, None]
        want = want if name == "linear" else to_numpy(getattr(ops, name)(asarray(want)))
        assert is_channels_last(fused) == last
        np.testing.assert_allclose(to_numpy(fused), want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("order", ORDERS)
def test_every_memory_order(backend: Any, order: str) -> None:
    x, w, dy = normal(2, 4, 3, 4), normal(4, 3, 2, 3), normal(2, 6, 4, 6, seed=1)
    want = to_numpy(ops.conv_transpose2d(asarray(x), asarray(w), groups=2))
    plain = ops.conv_transpose2d_backward(*map(asarray, (dy, x, w)), groups=2)
    turned, images = asarray(ORDERS[order](dy)), asarray(ORDERS[order](x))
    y = ops.conv_transpose2d(images, asarray(w), groups=2)
    assert is_channels_last(y) == ("channels-last" in order)
    np.testing.assert_allclose(to_numpy(y), want, rtol=1e-12, atol=1e-12)
    for one, other in ((images, turned), (images, asarray(dy)), (asarray(x), turned)):
        gradients = ops.conv_transpose2d_backward(other, one, asarray(w), groups=2)
        assert is_channels_last(gradients[0]) == is_channels_last(one)
        for ours, theirs in zip(gradients, plain, strict=True):
            np.testing.assert_allclose(to_numpy(ours), to_numpy(theirs), rtol=1e-11, atol=1e-11)


def test_an_empty_batch_and_gradients_only_where_asked_for(backend: Any) -> None:
    x, w, b = (asarray(normal(*shape)) for shape in ((0, 2, 3, 3), (2, 4, 3, 3), (4,)))
    y = ops.conv_transpose2d(x, w, b, activation="relu")
    assert y.shape == (0, 4, 5, 5)
    dw = asarray(normal(2, 4, 3, 3))
    dx, returned, db = ops.conv_transpose2d_backward(y, x, w, input_gradient=False, out=(dw, None))
    assert dx is None
    assert db is None
    assert returned is dw
    assert not to_numpy(dw).any()


x, w = np.ones((2, 4, 6, 6)), np.ones((4, 3, 3, 3))


@pytest.mark.parametrize(
    ("arrays", "how", "words"),
    [
        ((x, w[:3]), {}, "w expects 3 channels, so x must have 3, but has 4"),
        ((x, w), {"groups": 3}, "does not split into 3 groups"),
        ((x, w, np.ones(4)), {}, r"b has shape \(4,\); expected \(3,\)"),
        (
            (x, w),
            {"stride": 2, "output_padding": 2},
            r"output_padding=\(2, 2\) must be smaller than stride \(2, 2\) or dilation \(1, 1\)",
        ),
        ((x, w), {"output_padding": -1}, "output_padding=-1 must be a whole number of at least 0"),
        ((x, w), {"stride": 2, "padding": "same", "output_padding": 1}, "padding='same'"),
        ((x, w), {"padding": 9}, "a 6x6 image would become -10x-10"),
        ((x[0], w), {}, "expected 4 axes"),
        ((x, w), {"algorithm": "fft"}, "unknown algorithm 'fft'"),
    ],
)
def test_errors_in_words(arrays: Any, how: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ops.conv_transpose2d(*arrays, **how)
