"""What ops accept, and what they say of what they do not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnaccel import ops
from nnaccel.backends import asarray, to_numpy, use_backend
from nnaccel.layers import AvgPool2D

from .checked import ACTIVATIONS

LOSSES = ["softmax_cross_entropy", "sigmoid_cross_entropy", "mse"]
KEY: Any = {"key": np.array([1], np.uint64), "step": np.array([0])}


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_any_shape_comes_back_in_its_dtype(backend: Any, name: str) -> None:
    for shape in ((0,), (0, 4), (1, 1), (7,), (2, 3, 4), (3, 0)):
        for dtype in ("float32", "float64"):
            y = getattr(ops, name)(asarray(normal(*shape).astype(dtype)))
            assert type(y) is backend.xp.ndarray
            assert (y.shape, y.dtype) == (shape, np.dtype(dtype))


@pytest.mark.parametrize("name", [n for n in ACTIVATIONS if "softmax" not in n])
def test_a_single_number(backend: Any, name: str) -> None:
    y = getattr(ops, name)(asarray(np.array(0.5)))
    assert y.shape == ()
    assert float(y) == float(to_numpy(getattr(ops, name)(asarray(np.array([0.5]))))[0])


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_of_a_single_number_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="last axis"):
        getattr(ops, name)(asarray(np.array(0.5)))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_softmax_and_the_rest_see_strided_and_read_only_arrays_as_they_are(
    backend: Any, name: str
) -> None:
    whole = asarray(normal(8, 6))
    views = [whole.T, whole[::2], whole[:, 1:4], whole[2:3, ::3]]
    if backend.xp is np:
        locked = whole.copy()
        locked.flags.writeable = False
        views.append(locked)
    for view in views:
        before = to_numpy(view).copy()
        got = to_numpy(getattr(ops, name)(view))
        want = to_numpy(getattr(ops, name)(asarray(np.ascontiguousarray(before))))
        np.testing.assert_array_equal(got, want)
        np.testing.assert_array_equal(to_numpy(view), before)


def test_linear_of_transposed_arrays(backend: Any) -> None:
    a, b, dy = asarray(normal(5, 8)), asarray(normal(4, 8)), asarray(normal(5, 8))
    np.testing.assert_allclose(
        to_numpy(ops.linear(a, b.T)), to_numpy(a) @ to_numpy(b).T, rtol=1e-12
    )
    dx, dw, _ = ops.linear_backward(dy.T, a.T, asarray(normal(5, 5)))
    np.testing.assert_allclose(to_numpy(dw), to_numpy(a) @ to_numpy(dy).T, rtol=1e-12)
    assert dx is not None


@pytest.mark.parametrize("rows", [0, 1])
def test_empty_and_single_batches(backend: Any, rows: int) -> None:
    x, w, b = (asarray(normal(*s)) for s in ((rows, 3), (3, 2), (2,)))
    y = ops.linear(x, w, b, activation="tanh")
    dx, dw, db = ops.linear_backward(y, x, w)
    assert (y.shape, dx.shape) == ((rows, 2), (rows, 3))  # type: ignore[union-attr]
    if not rows:
        assert not to_numpy(dw).any()
        assert not to_numpy(db).any()
    for name in LOSSES:
        loss, gradient = getattr(ops, name)(y, asarray(np.zeros((rows, 2))))
        assert gradient.shape == (rows, 2)
        assert np.isfinite(float(loss))


def test_gradients_are_written_where_asked(backend: Any) -> None:
    dy, x, w = (asarray(normal(*s)) for s in ((4, 2), (4, 3), (3, 2)))
    flat = asarray(np.zeros(20))
    dw, db = flat[1:7].reshape(3, 2), flat[8:10]
    _, returned, _ = ops.linear_backward(dy, x, w, out=(dw, db))
    assert returned is dw
    _, want_dw, want_db = ops.linear_backward(dy, x, w)
    got = to_numpy(flat)
    np.testing.assert_array_equal(got[1:7], to_numpy(want_dw).reshape(-1))
    np.testing.assert_array_equal(got[8:10], to_numpy(want_db))
    assert got[[0, 7, 10, 19]].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("shape", "dtype"), [((3, 3), "float64"), ((2, 3), "float64"), ((3, 2), "float32")]
)
def test_gradients_are_not_written_where_they_do_not_fit(
    shape: tuple[int, ...], dtype: str
) -> None:
    dy, x, w = (asarray(normal(*s)) for s in ((4, 2), (4, 3), (3, 2)))
    with pytest.raises(ValueError, match="dw has shape"):
        ops.linear_backward(dy, x, w, out=(asarray(np.zeros(shape, dtype)), None))
    with pytest.raises(ValueError, match="db has shape"):
        ops.linear_backward(dy, x, w, out=(asarray(np.zeros((3, 2))), asarray(np.zeros(1))))
    with pytest.raises(ValueError, match="contiguous"):
        ops.linear_backward(dy, x, w, out=(asarray(np.zeros((2, 3))).T, None))


ones = np.ones((2, 3))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: ops.relu(np.ones(3, int)), TypeError, r"x has dtype int64: convert it with x.ast"),
        (lambda: ops.relu(np.ones(3, "c8")), TypeError, "complex64"),
        (lambda: ops.relu(np.ones(3, ">f8")), TypeError, ">f8"),
        (lambda: ops.relu([1.0]), TypeError, r"builtins.list: convert it with nnaccel.asarray"),
        (lambda: ops.linear(ones, ones.astype("f4")), TypeError, "x float64, w float32"),
        (lambda: ops.linear(ones, ones), ValueError, "x has 3 columns but w has 2 rows"),
        (lambda: ops.linear(np.ones(3), ones), ValueError, r"x has shape \(3,\); expected 2 axes"),
        (lambda: ops.linear(ones, np.ones((3, 2)), np.ones(3)), ValueError, "one for each output"),
        (lambda: ops.linear(ones, np.ones((3, 2)), activation="rleu"), ValueError, "mean 'relu'"),
        (lambda: ops.linear(ones, np.ones((3, 2)), activation="gelu"), ValueError, "ops.gelu aft"),
        (lambda: ops.linear_backward(ones, ones, ones.T), ValueError, r"expected \(2, 2\)"),
        (lambda: ops.relu_backward(ones, np.ones(6)), ValueError, "must agree"),
        (lambda: ops.leaky_relu(ones, -1.0), ValueError, "alpha=-1.0 of 'leaky_relu'"),
        (lambda: ops.elu(ones, np.nan), ValueError, "alpha=nan"),
        (lambda: ops.dropout(ones, 1.0, **KEY), ValueError, "rate=1.0"),
        (lambda: ops.dropout(ones, np.nan, **KEY), ValueError, "rate=nan"),
        (lambda: ops.dropout(ones, 0.5, key=7, step=KEY["step"]), TypeError, "one uint64, not 7"),
        (
            lambda: ops.dropout(ones, 0.5, key=np.array([7]), step=KEY["step"]),
            TypeError,
            "key must be a NumPy array of one uint64",
        ),
        (
            lambda: ops.dropout(ones, 0.5, key=KEY["key"], step=np.zeros(2, int)),
            TypeError,
            "step must be a NumPy array of one int64",
        ),
        (lambda: ops.mse(ones, np.ones(2)), ValueError, r"targets has shape \(2,\)"),
        (lambda: ops.mse(np.ones(2), np.ones(2)), ValueError, "expected 2 axes"),
        (lambda: ops.mse(ones, [[1.0] * 3] * 2), TypeError, "nnaccel.asarray"),
        (
            lambda: ops.softmax_cross_entropy(ones, np.array([0, 3])),
            ValueError,
            r"labels run from 0 to 3; with 3 outputs they must lie in 0..2",
        ),
        (
            lambda: ops.softmax_cross_entropy(ones, np.array([0, -1])),
            ValueError,
            "labels run from -1 to 0",
        ),
        (lambda: ops.softmax_cross_entropy(ones, np.array([0])), ValueError, "1 targets for 2"),
    ],
)
def test_errors_in_words(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()


images, norms = np.ones((1, 1, 2, 2)), (np.ones(3), np.zeros(3))
SWITCHES = {
    "ceil_mode": [
        lambda **how: ops.max_pool2d(images, 2, **how),
        lambda **how: ops.max_pool2d_backward(images[..., :1, :1], images, images, 2, **how),
        lambda **how: ops.avg_pool2d(images, 2, **how),
        lambda **how: ops.avg_pool2d_backward(images[..., :1, :1], images, 2, **how),
    ],
    "count_include_pad": [
        lambda **how: ops.avg_pool2d(images, 2, **how),
        lambda **how: ops.avg_pool2d_backward(images[..., :1, :1], images, 2, **how),
        lambda **how: AvgPool2D(**how),
    ],
    "channels_last": [
        lambda **how: ops.conv2d(images, images, **how),
        lambda **how: ops.conv_transpose2d(images, images, **how),
    ],
    "input_gradient": [
        lambda **how: ops.linear_backward(np.ones((2, 2)), ones, np.ones((3, 2)), **how),
        lambda **how: ops.conv2d_backward(images[..., :1, :1], images, images, **how),
        lambda **how: ops.conv_transpose2d_backward(np.ones((1, 1, 3, 3)), images, images, **how),
        lambda **how: ops.batch_norm_backward(ones, ones, norms[0], *norms, **how),
    ],
    "training": [
        lambda **how: ops.batch_norm(ones, *norms, *norms, **how),
        lambda **how: ops.batch_norm_backward(ones, ones, norms[0], *norms, **how),
    ],
}


@pytest.mark.parametrize("name", SWITCHES)
def test_switches_are_true_or_false(name: str) -> None:
    for call in SWITCHES[name]:
        with pytest.raises(ValueError, match=f"{name}='no' must be True or False"):
            call(**{name: "no"})


def test_labels_of_one_output_are_its_targets(backend: Any) -> None:
    y = asarray(np.array([[1.0], [3.0]]))
    loss, _ = ops.mse(y, asarray(np.array([1, 1])))
    assert float(loss) == 2


@pytest.mark.parametrize("name", ["softmax_cross_entropy", "sigmoid_cross_entropy"])
@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.int64])
def test_labels_and_one_hot_rows_are_the_same_targets(backend: Any, name: str, kind: Any) -> None:
    logits, labels = asarray(normal(6, 3)), np.array([0, 2, 1, 1, 0, 2])
    by_label = getattr(ops, name)(logits, asarray(labels.astype(kind)))
    by_row = getattr(ops, name)(logits, asarray(np.eye(3)[labels]))
    assert float(by_label[0]) == float(by_row[0])
    np.testing.assert_array_equal(to_numpy(by_label[1]), to_numpy(by_row[1]))


def test_a_matrix_and_a_memmap_are_arrays(tmp_path: Any) -> None:
    path = tmp_path / "x"
    normal(4, 3).tofile(path)
    stored = np.memmap(path, np.float64, "r", shape=(4, 3))
    for name in ("numpy", "numba"):
        with use_backend(name):
            got = ops.relu(stored)
            assert type(got) is np.ndarray
            np.testing.assert_array_equal(got, np.maximum(normal(4, 3), 0))


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4, 5), (4, 1, 3), (0, 3, 2), (7,)])
def test_softmax_over_any_axis(backend: Any, name: str, shape: tuple[int, ...]) -> None:
    x, dy = normal(*shape), normal(*shape) + 1
    f, back = getattr(ops, name), getattr(ops, f"{name}_backward")
    for axis in range(-len(shape), len(shape)):
        at_end = np.ascontiguousarray(np.moveaxis(x, axis, -1))
        want = f(asarray(at_end))
        want_dx = back(asarray(np.ascontiguousarray(np.moveaxis(dy, axis, -1))), want)
        for _ in range(3):  # plain, recorded, replayed
            y = f(asarray(x), axis=axis)
            dx = back(asarray(dy), y, axis=axis)
            for got, expected in ((y, want), (dx, want_dx)):
                moved = np.moveaxis(to_numpy(expected), -1, axis)
                np.testing.assert_allclose(to_numpy(got), moved, rtol=1e-12)


@pytest.mark.parametrize("axis", [2, -3])
def test_an_axis_that_is_not_there(backend: Any, axis: int) -> None:
    with pytest.raises(ValueError, match=rf"axis={axis} is none of x, which has shape \(2, 3\)"):
        ops.softmax(asarray(normal(2, 3)), axis=axis)


def test_gelu_approximate(backend: Any) -> None:
    x = asarray(normal(5))
    assert (ops.gelu(x, approximate="tanh") == ops.gelu_tanh(x)).all()
    assert abs(ops.gelu(x, "tanh") - ops.gelu(x)).max() < 1e-3
    assert (ops.gelu_backward(x, x, "tanh") == ops.gelu_tanh_backward(x, x)).all()
    with pytest.raises(ValueError, match="approximate"):
        ops.gelu(x, approximate="tahn")
