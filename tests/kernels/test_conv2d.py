"""Convolution and its gradients, by every algorithm a backend has, against the definition."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nnaccel.backends import get_backend, to_numpy
from nnaccel_kernels.cpu.conv import depthwise, gemm, planes, pointwise
from nnaccel_kernels.window import ConvolutionPlan, Window

from . import naive
from .images import Case, assert_within, cases, eps, normal, orders, place, unfilled

ALGORITHMS = ("auto", "im2col", "direct", "gemm", "winograd")
DIRECTIONS = ("forward", "input_gradient", "weight_gradient")
BUDGET = 16 << 20
WINOGRAD_ERROR = {np.float32: 2e-5, np.float64: 1e-11}  # relative to the sum of absolute terms

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
directions = pytest.mark.parametrize("direction", DIRECTIONS)


class Convolution:
    """A convolution to test, with its arrays and, by definition, all it should give."""

    def __init__(
        self, case: Case, filters: int, groups: int, dtype: Any, left_off: int = 0
    ) -> None:
        """Take `filters` and the channels of `case` to be those of each group.

        The last `left_off` positions along each axis are not there.
        """
        self.window, self.groups, self.dtype = case.window, groups, np.dtype(dtype).type
        n, c, *image = case.shape
        down, across = naive.positions_of(self.window, image)
        positions = down - left_off, across - left_off
        self.shapes: dict[str, Any] = {
            "x": (n, groups * c, *image),
            "w": (groups * filters, c, *self.window.kernel_size),
            "y": (n, groups * filters, *positions),
        }
        x, w, y = normal(case.seed, dtype, *self.shapes.values())
        self.arrays = {"x": x, "w": w, "y": y}
        self.bias = normal(case.seed + 1, dtype, (groups * filters,))[0]
        self.terms = {
            "forward": math.prod(w.shape[1:]),
            "input_gradient": filters * math.prod(self.window.kernel_size),
            "weight_gradient": n * math.prod(positions),
        }

    def expected(self, direction: str) -> np.ndarray:
        return self._by_definition(direction, *self.arrays.values())

    def bound(self, direction: str, algorithm: str) -> Any:
        """The largest error by rounding, for each element of `expected`."""
        absolute = self._by_definition(direction, *map(np.abs, self.arrays.values()))
        if algorithm == "winograd":  # its transforms mix the pixels of a tile
            return WINOGRAD_ERROR[self.dtype] * absolute.max(initial=0.0)
        return (self.terms[direction] + 3) * eps(self.dtype) * absolute

    def plans(self, backend: Any, direction: str) -> Iterator[ConvolutionPlan]:
        """A plan for each implementation that the backend has for this."""
        known: set[str] = set()
        for name in ALGORITHMS:
            try:
                plan = self.plan(backend, direction, name)
            except ValueError:
                continue
            if plan.algorithm not in known:
                known.add(plan.algorithm)
                yield plan

    def plan(self, backend: Any, direction: str, algorithm: str) -> Any:
        x, w = self.shapes["x"], self.shapes["w"]
        itemsize = np.dtype(self.dtype).itemsize
        return backend.kernels.conv2d_plan(
            direction, x, w, self.window, self.groups, itemsize, algorithm, BUDGET
        )

    def run(
        self, backend: Any, direction: str, algorithm: str, last: tuple[bool, bool] = (False, False)
    ) -> np.ndarray:
        """What the backend gives; `last` says which of both images is channels-last."""
        kernels, how = backend.kernels, (self.window, self.groups)
        w = place(backend, self.arrays["w"])
        if direction == "forward":
            x = place(backend, self.arrays["x"], last[0])
            y = unfilled(backend, self.shapes["y"], self.dtype, last[1])
            kernels.conv2d(x, w, None, *how, "linear", 0.0, algorithm, y)
            return np.asarray(to_numpy(y))
        dy = place(backend, self.arrays["y"], last[0])
        if direction == "input_gradient":
            dx = unfilled(backend, self.shapes["x"], self.dtype, last[1])
            kernels.conv2d_input_gradient(dy, w, *how, algorithm, dx)
            return np.asarray(to_numpy(dx))
        dw = unfilled(backend, self.shapes["w"], self.dtype)
        x = place(backend, self.arrays["x"], last[1])
        kernels.conv2d_weight_gradient(dy, x, *how, algorithm, dw)
        return np.asarray(to_numpy(dw))

    def _by_definition(self, direction: str, x: Any, w: Any, dy: Any) -> np.ndarray:
        if direction == "forward":
            return naive.conv2d(x, w, self.window, self.groups, self.shapes["y"][2:])
        if direction == "input_gradient":
            return naive.conv2d_input_gradient(dy, w, self.window, self.groups, x.shape[2:])
        return naive.conv2d_weight_gradient(dy, x, self.window, self.groups)


def three_by_three(*shape: int, padding: tuple[int, int, int, int] = (1, 1, 1, 1)) -> Case:
    return Case(shape, Window((3, 3), padding=padding))


@st.composite
def squares(draw: st.DrawFn) -> Case:
    """What Winograd's algorithm takes."""
    n, c, taps = draw(st.integers(0, 2)), draw(st.integers(1, 9)), draw(st.sampled_from([3, 5]))
    padding = tuple(draw(st.integers(0, 2)) for _ in range(4))
    size = (max(1, taps - sum(padding[i : i + 2]) + draw(st.integers(0, 9))) for i in (0, 2))
    return Case((n, c, *size), Window((taps, taps), padding=padding))  # type: ignore[arg-type]


@directions
@dtypes
@settings(max_examples=12)
@given(
    case=st.one_of(cases(crop=1), squares()),
    filters=st.sampled_from([1, 2, 3, 9]),
    groups=st.sampled_from([1, 1, 2, 3, 8]),
    last=st.tuples(orders, orders),
)
@example(three_by_three(2, 1, 1, 1), 1, 1, (False, False))  # a pixel
@example(three_by_three(1, 40, 6, 5), 3, 1, (False, True))  # many channels in
@example(three_by_three(1, 3, 5, 20), 40, 1, (True, False))  # many filters, wide
@example(Case((1, 17, 9, 7), Window((5, 5), padding=(2, 2, 2, 2))), 18, 1, (False, True))
@example(three_by_three(1, 1, 9, 7), 1, 19, (True, True))  # depthwise
@example(Case((2, 1, 9, 20), Window((3, 3), (2, 2), (0, 1, 0, 1))), 1, 16, (True, True))
@example(Case((1, 17, 4, 9), Window((1, 1))), 33, 1, (False, False))  # pointwise
@example(Case((1, 3, 21, 22), Window((7, 7), (2, 2), (3, 3, 3, 3))), 18, 1, (False, True))
@example(Case((1, 2, 5, 6), Window((1, 1), (3, 3))), 2, 1, (False, False))  # gaps between taps
@example(three_by_three(0, 4, 5, 5), 4, 1, (False, False))  # no image
def test_every_algorithm_gives_what_the_definition_does(
    backend: Any,
    direction: str,
    dtype: Any,
    case: Case,
    filters: int,
    groups: int,
    last: tuple[bool, bool],
) -> None:
    conv = Convolution(case, filters, groups, dtype)
    want = conv.expected(direction)
    for plan in conv.plans(backend, direction):
        got = conv.run(backend, direction, plan.algorithm, last)
        bound = conv.bound(direction, plan.algorithm)
        assert_within(got, want, bound, plan.algorithm)


@directions
def test_every_memory_order(backend: Any, direction: str) -> None:
    for case, filters, groups in (
        (three_by_three(2, 18, 6, 7), 17, 1),
        (Case((2, 3, 7, 6), Window((2, 3), (2, 1), (1, 0, 2, 1), (1, 2))), 2, 2),
        (three_by_three(2, 1, 5, 6), 1, 18),
    ):
        conv = Convolution(case, filters, groups, np.float32)
        want = conv.expected(direction)
        for plan in conv.plans(backend, direction):
            for last in product((False, True), repeat=2):
                got = conv.run(backend, direction, plan.algorithm, last)
                bound = conv.bound(direction, plan.algorithm)
                assert_within(got, want, bound, f"{plan.algorithm}, channels last {last}")


@directions
def test_planes_in_pieces(direction: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plane that outgrows the cache is convolved some rows at a time."""
    monkeypatch.setattr(depthwise, "_PIECE_BYTES", 100)
    case = Case((2, 1, 9, 7), Window((3, 2), (1, 1), (2, 1, 0, 1), (2, 3)))
    conv = Convolution(case, 2, 3, np.float32)
    got = conv.run(get_backend("numba"), direction, "direct")
    assert_within(got, conv.expected(direction), conv.bound(direction, "direct"))


@directions
@pytest.mark.parametrize("window", [
    Window((3, 2), (1, 1), (1, 1, 0, 2), (3, 3)),
    Window((2, 3), (2, 1), (0, 1, 1, 0), (5, 3)),
])  # fmt: skip
def test_fewer_positions_than_the_window_has(backend: Any, direction: str, window: Window) -> None:
    """A transposed convolution may have more output padding than a stride, if it is dilated."""
    for filters, groups in ((5, 1), (1, 3)):
        conv = Convolution(Case((2, 3, 12, 13), window), filters, groups, np.float32, left_off=2)
        for plan in conv.plans(backend, direction):
            got = conv.run(backend, direction, plan.algorithm)
            bound = conv.bound(direction, plan.algorithm)
            assert_within(got, conv.expected(direction), bound, plan.algorithm)


ACTIVATIONS = {
    "linear": lambda z: z,
    "relu": lambda z: np.maximum(z, 0),
    "tanh": np.tanh,
    "leaky_relu": lambda z: np.where(z > 0, z, 0.25 * z),
}


@dtypes
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("last", [True, False])
def test_bias_and_activation(
    backend: Any, dtype: Any, activation: str, bias: bool, last: bool
) -> None:
    for case, filters, groups in ((three_by_three(2, 3, 6, 5), 19, 1), (cut(), 1, 4)):
        conv = Convolution(case, filters, groups, dtype)
        b = conv.bias[:, None, None] if bias else 0
        want = ACTIVATIONS[activation](conv.expected("forward") + b)
        x, w = place(backend, conv.arrays["x"], last), place(backend, conv.arrays["w"])
        place_b = backend.asarray(conv.bias) if bias else None
        for plan in conv.plans(backend, "forward"):
            y = unfilled(backend, conv.shapes["y"], dtype, not last)
            backend.kernels.conv2d(
                x, w, place_b, conv.window, groups, activation, 0.25, plan.algorithm, y
            )
            bound = conv.bound("forward", plan.algorithm)
            bound = bound + 8 * eps(dtype) * (1 + np.abs(want) + np.abs(b))
            assert_within(y, want, bound, plan.algorithm)


def cut() -> Case:
    """A window that never reaches the last row and column, for depthwise convolutions."""
    return Case((2, 1, 6, 8), Window((2, 3), (3, 2)))


@settings(max_examples=12)
@given(
    case=st.one_of(cases(crop=1), squares()),
    filters=st.integers(1, 3),
    groups=st.sampled_from([1, 2, 5]),
)
def test_gradients_are_adjoint_to_the_convolution(
    backend: Any, case: Case, filters: int, groups: int
) -> None:
    """<conv(x, w), dy> = <x, input gradient> = <w, weight gradient>, whatever the arrays hold."""
    conv = Convolution(case, filters, groups, np.float64)
    of = {"forward": "y", "input_gradient": "x", "weight_gradient": "w"}
    size = conv._by_definition("forward", *map(np.abs, conv.arrays.values()))
    size = (size * np.abs(conv.arrays["y"])).sum()
    results = [
        (conv.run(backend, direction, plan.algorithm) * conv.arrays[of[direction]]).sum()
        for direction in DIRECTIONS
        for plan in conv.plans(backend, direction)
    ]
    np.testing.assert_allclose(results, results[0], rtol=0, atol=1e-11 * size)


@pytest.mark.parametrize("direction", ["forward", "input_gradient"])
@pytest.mark.parametrize("last", [True, False])
def test_nan_reaches_what_depends_on_it_and_nothing_else(
    backend: Any, direction: str, last: bool
) -> None:
    source = "x" if direction == "forward" else "y"
    for case, filters, groups in (
        (three_by_three(2, 18, 9, 11), 17, 1),
        (Case((2, 3, 8, 7), Window((2, 3), (2, 1), (1, 0, 2, 1), (1, 2))), 2, 2),
        (three_by_three(2, 1, 7, 9), 1, 18),
    ):
        conv = Convolution(case, filters, groups, np.float32)
        sick = conv.arrays[source]
        sick[1, -1, 2, 3] = np.nan
        reach = conv._by_definition(
            direction, *(np.isnan(sick) if a is sick else 1 + 0 * a for a in conv.arrays.values())
        )
        for plan in conv.plans(backend, direction):
            if plan.algorithm != "winograd":
                got = conv.run(backend, direction, plan.algorithm, (last, not last))
                np.testing.assert_array_equal(np.isnan(got), reach > 0, plan.algorithm)


@directions
def test_plans_say_what_they_chose_or_why_they_cannot(backend: Any, direction: str) -> None:
    strided = Case((2, 4, 9, 9), Window((3, 3), (2, 2)))
    for case in (strided, three_by_three(2, 4, 9, 9), three_by_three(0, 4, 9, 9)):
        conv = Convolution(case, 8, 1, np.float32)
        chosen = conv.plan(backend, direction, "auto")
        assert chosen.algorithm.partition("-")[0] in (*ALGORITHMS[1:], "torch")
        assert len(chosen.why.split()) > 2, "a reason has some words"
        assert 0 <= chosen.workspace <= BUDGET
        for name in ALGORITHMS[1:]:
            try:
                plan = conv.plan(backend, direction, name)
                assert plan.algorithm.partition("-")[0] == name
            except ValueError as error:
                assert name in str(error)  # noqa: PT017
    with pytest.raises(ValueError, match="winograd"):
        Convolution(strided, 8, 1, np.float32).plan(backend, direction, "winograd")


@directions
@pytest.mark.parametrize(("implementation", "channels", "window"), [
    ("gemm", 9, Window((3, 2))),
    ("gemm-planes", 7, Window((3, 2))),
    ("gemm-planes", 15, Window((1, 1))),
    ("gemm-pointwise", 16, Window((1, 1))),
])  # fmt: skip
def test_the_implementation_in_a_plan_is_the_one_that_runs(
    monkeypatch: pytest.MonkeyPatch,
    direction: str,
    implementation: str,
    channels: int,
    window: Window,
) -> None:
    ran = []
    for name, module in {
        "gemm": gemm, "gemm-planes": planes, "gemm-pointwise": pointwise
    }.items():  # fmt: skip
        monkeypatch.setattr(module, direction, lambda *_, name=name: ran.append(name))
    conv = Convolution(Case((2, channels, 5, 6), window), 4, 1, np.float32)
    for asked in ("auto", "gemm"):
        plan = conv.plan(get_backend("numba"), direction, asked)
        conv.run(get_backend("numba"), direction, plan.algorithm)
        assert [plan.algorithm, *ran] == [implementation] * 2
        ran.clear()


@dtypes
@settings(max_examples=8)
@given(
    shape=st.tuples(*(st.integers(lo, 20) for lo in (0, 1, 1, 1))),
    seed=st.integers(0, 2**32 - 1),
    last=orders,
)
def test_sum_channels(
    backend: Any, dtype: Any, shape: tuple[int, ...], seed: int, last: bool
) -> None:
    (dy,) = normal(seed, dtype, shape)
    db = backend.asarray(np.full(shape[1], np.nan, dtype))
    backend.kernels.sum_channels(place(backend, dy, last), db)
    want, size = (a.sum(axis=(0, 2, 3), dtype=np.float64) for a in (dy, np.abs(dy)))
    assert_within(db, want, (dy.size / shape[1] + 3) * eps(dtype) * size)


@dtypes
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_bias_activate(backend: Any, dtype: Any, activation: str, last: bool, bias: bool) -> None:
    for shape in ((2, 19, 3, 7), (3, 1, 5, 1), (0, 4, 2, 2)):
        y, b = normal(1, dtype, shape, shape[1:2])
        z = y.astype(np.float64) + (b[:, None, None] if bias else 0)
        placed = place(backend, y, last)
        backend.kernels.bias_activate(
            placed, backend.asarray(b) if bias else None, activation, 0.25
        )
        assert_within(placed, ACTIVATIONS[activation](z), 8 * eps(dtype) * (1 + np.abs(z)))
