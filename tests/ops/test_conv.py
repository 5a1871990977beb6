"""Convolution: its definition, its gradients, what it takes and what it says of the rest."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from nnaccel import ops
from nnaccel.backends import asarray, to_numpy, use_backend
from nnaccel.ops import _convolution, _geometry

from .checked import ORDERS, Checked, channels_last, is_channels_last, normal


class Case(NamedTuple):
    """Shapes and settings that fit together."""

    x: tuple[int, ...]
    w: tuple[int, ...]
    how: dict[str, Any]

    def arrays(self, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rng = np.random.default_rng(seed)
        x, w = rng.standard_normal(self.x), rng.standard_normal(self.w)
        return x, w, rng.standard_normal(len(w))


def numbers(least: int, most: int) -> Any:
    one = st.integers(least, most)
    return one | st.tuples(one, one)


@st.composite
def cases(draw: Any) -> Case:
    n, groups, c, k = (draw(st.integers(1, most)) for most in (2, 3, 3, 3))
    size, taps = (
        draw(st.tuples(*[st.integers(1, 9)] * 2)),
        draw(st.tuples(*[st.integers(1, 4)] * 2)),
    )
    side = st.integers(0, 3)
    padding = (
        side | st.tuples(side, side) | st.tuples(*[side] * 4) | st.sampled_from(["same", "valid"])
    )
    how = {
        "stride": draw(numbers(1, 3)),
        "padding": draw(padding),
        "dilation": draw(numbers(1, 3)),
        "groups": groups,
    }
    window = _geometry.window(size, taps, how["stride"], how["padding"], how["dilation"])
    assume(min(window.output_size(*size)) > 0)
    return Case((n, c * groups, *size), (k * groups, c, *taps), how)


def definition(x: np.ndarray, w: np.ndarray, b: Any = None, **how: Any) -> np.ndarray:
    """Cross-correlation, by all windows of padded images."""
    groups = how.get("groups", 1)
    settings = (
        how.get(name, 1 - (name == "padding")) for name in ("stride", "padding", "dilation")
    )
    window = _geometry.window(x.shape[2:], w.shape[2:], *settings)
    (top, bottom, left, right), (down, across) = window.padding, window.stride
    x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    seen = sliding_window_view(x, window.extent, (2, 3))[:, :, ::down, ::across]
    seen = seen[..., :: window.dilation[0], :: window.dilation[1]]
    parts = zip(np.split(seen, groups, 1), np.split(w, groups), strict=True)
    y = np.concatenate([np.einsum("nchwrs,kcrs->nkhw", *part) for part in parts], axis=1)
    return y if b is None else y + b[:, None, None]


CASES = [
    Case((2, 3, 6, 7), (4, 3, 3, 3), {}),
    Case((2, 4, 7, 6), (6, 2, 3, 2), {"groups": 2, "stride": (2, 1), "padding": "same"}),
    Case((2, 3, 8, 8), (6, 1, 3, 3), {"groups": 3, "padding": (1, 0, 2, 3), "dilation": (2, 1)}),
    Case((1, 2, 5, 5), (3, 2, 1, 1), {"stride": 2}),
]
ids = [str(case.how) for case in CASES]


@given(case=cases())
def test_the_definition(backend: Any, case: Case) -> None:
    x, w, b = case.arrays()
    got = to_numpy(ops.conv2d(*map(asarray, (x, w, b)), **case.how))
    np.testing.assert_allclose(got, definition(x, w, b, **case.how), rtol=1e-11, atol=1e-11)


@settings(max_examples=10)
@given(case=cases())
def test_gradients(backend: Any, case: Case) -> None:
    Checked(
        lambda x, w, b: ops.conv2d(x, w, b, **case.how),
        lambda dy, x, w, b: ops.conv2d_backward(dy, x, w, **case.how),
    ).run(*case.arrays())


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_float32(backend: Any, case: Case) -> None:
    x, w, b = (a.astype("float32") for a in case.arrays())
    y = ops.conv2d(*map(asarray, (x, w, b)), **case.how)
    assert y.dtype == np.float32
    np.testing.assert_allclose(to_numpy(y), definition(x, w, b, **case.how), rtol=1e-4, atol=1e-4)
    for gradient in ops.conv2d_backward(y, *map(asarray, (x, w)), **case.how):
        assert gradient is not None
        assert gradient.dtype == np.float32


@pytest.mark.parametrize("algorithm", ["im2col", "direct", "gemm", "winograd"])
@pytest.mark.parametrize("case", CASES, ids=ids)
def test_a_forced_algorithm_does_it_or_says_why_not(
    backend: Any, case: Case, algorithm: str
) -> None:
    x, w, b = case.arrays()
    how = {**case.how, "algorithm": algorithm}
    want = definition(x, w, b, **case.how)
    gradients = ops.conv2d_backward(*map(asarray, (want, x, w)), **case.how)
    x, w, b = map(asarray, (x, w, b))
    try:
        got = ops.conv2d(x, w, b, **how)
    except ValueError as error:
        assert len(str(error).split()) > 4  # noqa: PT017
    else:
        np.testing.assert_allclose(to_numpy(got), want, rtol=1e-9, atol=1e-9)
    try:
        backs = ops.conv2d_backward(asarray(want), x, w, **how)
    except ValueError as error:
        assert len(str(error).split()) > 4  # noqa: PT017
    else:
        for ours, theirs in zip(backs, gradients, strict=True):
            np.testing.assert_allclose(to_numpy(ours), to_numpy(theirs), rtol=1e-8, atol=1e-8)


# Memory


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("case", CASES, ids=ids)
def test_every_memory_order(backend: Any, case: Case, order: str) -> None:
    """Images and gradients may lie as they like; the result lies as x does, unless asked."""
    x, w, b = case.arrays()
    y = definition(x, w, b, **case.how)
    dy = normal(*y.shape, seed=1)
    plain = [to_numpy(a) for a in ops.conv2d_backward(*map(asarray, (dy, x, w)), **case.how)]
    turned, images = asarray(ORDERS[order](dy)), asarray(ORDERS[order](x))
    as_x = "channels-last" in order
    for wanted in (None, False, True):
        got = ops.conv2d(images, asarray(w), asarray(b), channels_last=wanted, **case.how)
        np.testing.assert_allclose(to_numpy(got), y, rtol=1e-11, atol=1e-11)
        assert is_channels_last(got) == (as_x if wanted is None else wanted)
    for one, other in ((images, turned), (images, asarray(dy)), (asarray(x), turned)):
        gradients = ops.conv2d_backward(other, one, asarray(w), **case.how)
        assert is_channels_last(gradients[0]) == is_channels_last(one)
        for ours, theirs in zip(gradients, plain, strict=True):
            np.testing.assert_allclose(to_numpy(ours), theirs, rtol=1e-10, atol=1e-10)
    np.testing.assert_array_equal(to_numpy(images), x)


def test_strided_and_read_only_weights(backend: Any) -> None:
    x, w, b = CASES[0].arrays()
    want = definition(x, w, b)
    for lay in (ORDERS["Fortran"], ORDERS["strided"], ORDERS["read-only"], channels_last):
        got = ops.conv2d(asarray(x), asarray(lay(w)), asarray(b))
        np.testing.assert_allclose(to_numpy(got), want, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("last", [True, False])
def test_an_empty_batch(backend: Any, last: bool) -> None:
    x, w, b = (asarray(normal(*shape)) for shape in ((0, 2, 5, 5), (4, 2, 3, 3), (4,)))
    y = ops.conv2d(x, w, b, activation="relu", channels_last=last)
    assert y.shape == (0, 4, 3, 3)
    dx, dw, db = ops.conv2d_backward(y, x, w)
    assert dx is not None
    assert dx.shape == x.shape
    assert not to_numpy(dw).any()
    assert not to_numpy(db).any()


def test_gradients_only_where_asked_for(backend: Any) -> None:
    x, w, _ = CASES[0].arrays()
    dy = definition(x, w)
    want = [to_numpy(a) for a in ops.conv2d_backward(*map(asarray, (dy, x, w)))]
    flat = asarray(np.zeros(w.size + 8))
    dw, db = flat[1 : 1 + w.size].reshape(w.shape), flat[-5:-1]
    dx, *returned = ops.conv2d_backward(
        *map(asarray, (dy, x, w)), input_gradient=False, out=(dw, db)
    )
    assert dx is None
    assert returned[0] is dw
    assert returned[1] is db
    np.testing.assert_array_equal(to_numpy(dw), want[1])
    np.testing.assert_array_equal(to_numpy(db), want[2])
    edges = to_numpy(flat)[[0, 1 + w.size, 2 + w.size, -1]]
    assert edges.tolist() == [0] * 4
    assert ops.conv2d_backward(*map(asarray, (dy, x, w)), out=(dw, None))[2] is None


# Activation


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("name", ["relu", "sigmoid", "tanh", "leaky_relu", "elu", "softplus"])
def test_activations_inside(backend: Any, name: str, last: bool, use_bias: bool) -> None:
    x, w, b = (asarray(a) for a in CASES[0].arrays())
    b = b if use_bias else None
    fused = ops.conv2d(x, w, b, activation=name, channels_last=last)
    apart = getattr(ops, name)(ops.conv2d(x, w, b, channels_last=last))
    assert is_channels_last(fused) == is_channels_last(apart) == last
    np.testing.assert_allclose(to_numpy(fused), to_numpy(apart), rtol=1e-12, atol=1e-12)


# While a step is recorded


@pytest.mark.parametrize("last", [True, False])
def test_a_recorded_convolution_follows_its_arrays(last: bool) -> None:
    x, w, _ = CASES[0].arrays()
    stored = channels_last(x) if last else x.copy()
    y: list[Any] = []
    with use_backend("numba") as backend:
        replay = backend.record(lambda: y.append(ops.conv2d(stored, w, activation="relu")))
        stored[...] = 2 * x
        replay(1)
    np.testing.assert_allclose(y[0], np.maximum(definition(2 * x, w), 0), rtol=1e-11, atol=1e-11)


def test_other_orders_are_refused_while_recording() -> None:
    x, w, _ = CASES[0].arrays()
    with use_backend("numba") as backend:
        for arrays, name in (((np.asfortranarray(x), w), "x"), ((x, channels_last(w)), "w")):
            with pytest.raises(RuntimeError, match=f"{name} is not C-contiguous"):
                backend.record(lambda arrays=arrays: ops.conv2d(*arrays))(1)  # type: ignore[misc]


# Workspace


def asked_budget(monkeypatch: pytest.MonkeyPatch, pixels: int, name: str = "numpy") -> int:
    """Bytes that the kernels are told they may take for a float64 image of so many pixels."""
    asked: list[int] = []
    image = np.broadcast_to(np.zeros(()), (1, 1, 1, pixels))
    window = _geometry.window((1, pixels), 1, 1, 0, 1)
    with use_backend(name) as backend:

        def plan(*question: Any, **_: Any) -> None:
            asked.append(question[-1])

        monkeypatch.setattr(backend.kernels, "conv2d_plan", plan)
        how = window, 1, "auto"
        _convolution.plan(backend, "forward", image, image, np.ones((1, 1, 1, 1)), *how)
    return asked[0]


def test_a_gpu_has_a_budget_of_its_own(monkeypatch: pytest.MonkeyPatch, fake_cupy: Any) -> None:
    """Winograd's filters of 512 x 512 channels are 38 MB."""
    assert asked_budget(monkeypatch, 10, "cupy") == 256 << 20
    monkeypatch.setenv("NNACCEL_WORKSPACE_MB", "3")
    assert asked_budget(monkeypatch, 10, "cupy") == 3 << 20


def test_the_budget_for_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NNACCEL_WORKSPACE_MB", raising=False)
    assert asked_budget(monkeypatch, 10) == 16 << 20
    assert asked_budget(monkeypatch, 10**8) == 2 * 8 * 10**7  # a tenth of input and output
    monkeypatch.setenv("NNACCEL_WORKSPACE_MB", " 3 ")
    assert asked_budget(monkeypatch, 10**8) == 3 << 20
    monkeypatch.setenv("NNACCEL_WORKSPACE_MB", "0")
    assert asked_budget(monkeypatch, 10) == 0
    for text in ("-1", "many", "1.5"):
        monkeypatch.setenv("NNACCEL_WORKSPACE_MB", text)
        with pytest.raises(ValueError, match=r"NNACCEL_WORKSPACE_MB=.* whole number of at least 0"):
            ops.conv2d(x, w)


# Errors

x, w = np.ones((2, 4, 6, 6)), np.ones((6, 4, 3, 3))


@pytest.mark.parametrize(
    ("arrays", "how", "words"),
    [
        ((x, np.ones((6, 3, 3, 3))), {}, "w expects 3 channels, so x must have 3, but has 4"),
        (
            (x, np.ones((6, 3, 3, 3))),
            {"groups": 2},
            "w expects 3 channels in each of 2 groups, so x must have 6, but has 4",
        ),
        ((x, np.ones((5, 2, 3, 3))), {"groups": 2}, "first axis does not split into 2 groups"),
        (
            (np.ones((1, 1, 3, 3)), np.ones((1, 1, 5, 5))),
            {},
            r"a 5x5 window does not fit a 3x3 image with padding \(0, 0, 0, 0\)",
        ),
        (
            (np.ones((1, 1, 3, 3)), np.ones((1, 1, 3, 2))),
            {"dilation": 2, "padding": (0, 1, 0, 0)},
            r"3x2 \(5x3 with dilation \(2, 2\)\) window does not fit .* padding \(0, 1, 0, 0\)",
        ),
        ((x, w, np.ones(5)), {}, r"b has shape \(5,\); expected \(6,\), one for each output"),
        ((x[0], w), {}, r"x has shape \(4, 6, 6\); expected 4 axes, \(N, C, H, W\)"),
        ((x, w[0]), {}, r"expected 4 axes, \(K, C/groups, R, S\)"),
        ((x[:, :, :0], w), {}, "its images have no pixels"),
        ((x, w[:0]), {}, "each axis must be at least 1"),
        ((x, w), {"stride": 0}, "stride=0 must be a whole number of at least 1, or two"),
        ((x, w), {"stride": (1, 2, 3)}, r"stride=\(1, 2, 3\)"),
        ((x, w), {"stride": 1.5}, "stride=1.5"),
        ((x, w), {"stride": True}, "stride=True"),
        ((x, w), {"dilation": (1, 0)}, r"dilation=\(1, 0\)"),
        ((x, w), {"padding": -1}, "padding=-1 must be at least 0: crop with pad2d"),
        ((x, w), {"padding": (1, 2, 3)}, r"four \(top, bottom, left, right\)"),
        (
            (x, w),
            {"padding": np.array([1, 1])},
            r"padding=array\(\[1, 1\]\) must be a whole number",
        ),
        ((x, w), {"padding": "smae"}, "Did you mean 'same'"),
        ((x, w), {"groups": 0}, "groups=0 must be a whole number of at least 1"),
        ((x, w), {"algorithm": "winnograd"}, "Did you mean 'winograd'"),
        ((x, w), {"activation": "gelu"}, "apply nnaccel.ops.gelu after it"),
        ((x, w), {"activation": "elu", "alpha": -1}, "alpha=-1"),
    ],
)
def test_errors_in_words(arrays: Any, how: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ops.conv2d(*arrays, **how)


def test_gradients_that_do_not_fit() -> None:
    dy = ops.conv2d(x, w)
    with pytest.raises(ValueError, match=r"dy has shape \(2, 4, 6, 6\); expected \(2, 6, 4, 4\)"):
        ops.conv2d_backward(x, x, w)
    with pytest.raises(ValueError, match="dw has shape"):
        ops.conv2d_backward(dy, x, w, out=(w[:2], None))
    with pytest.raises(ValueError, match=r"db has shape \(4,\)"):
        ops.conv2d_backward(dy, x, w, out=(w.copy(), np.ones(4)))
    locked = np.zeros_like(w)
    locked.flags.writeable = False
    with pytest.raises(ValueError, match="dw is read-only"):
        ops.conv2d_backward(dy, x, w, out=(locked, None))
    assert not locked.any()
    with pytest.raises(TypeError, match="x float64, w float32"):
        ops.conv2d(x, w.astype("float32"))
