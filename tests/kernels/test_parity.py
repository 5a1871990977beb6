"""Every kernel gives what the reference gives, at any shape, thread count and way of launching."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nnaccel.backends import get_backend
from nnaccel.conformance.calls import CALLS
from nnaccel.conformance.comparing import HALVES, assert_same, halved, move, run
from nnaccel.conformance.image_calls import convolution
from nnaccel_kernels import cpu, cuda, reference
from nnaccel_kernels.window import Window

functions = pytest.mark.parametrize("function", sorted(CALLS))
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def test_fast_kernels_have_the_parameters_of_the_plain_ones() -> None:
    plain = set(dir(reference.kernels))
    assert set(CALLS) == plain - {"conv2d_plan"}  # that one fills no array
    for package in (cpu, cuda):
        assert package.kernels.fast <= plain
        for name in package.kernels.fast:
            ours, wanted = (getattr(k.kernels, name) for k in (package, reference))
            assert [*inspect.signature(ours).parameters] == [*inspect.signature(wanted).parameters]


@functions
@dtypes
@settings(max_examples=8)
@given(rows=st.integers(0, 40), columns=st.integers(1, 40), seed=st.integers(0, 2**32 - 1))
@example(rows=0, columns=3, seed=0)
@example(rows=1, columns=1, seed=0)
@example(rows=33, columns=1, seed=0)
@example(rows=1, columns=17, seed=0)
def test_every_backend_agrees_with_numpy(
    fast_backend: Any, function: str, dtype: Any, rows: int, columns: int, seed: int
) -> None:
    args = CALLS[function](np.random.default_rng(seed), rows, columns, dtype)
    want = run(get_backend("numpy"), function, args)
    assert_same(run(fast_backend, function, args), want, dtype)


@functions
@pytest.mark.parametrize("dtype", HALVES, ids=str)
@settings(max_examples=8)
@given(rows=st.integers(0, 20), columns=st.integers(1, 20), seed=st.integers(0, 2**32 - 1))
def test_numbers_of_16_bits_are_computed_in_float32(
    half_backend: Any, function: str, dtype: Any, rows: int, columns: int, seed: int
) -> None:
    args = halved(CALLS[function](np.random.default_rng(seed), rows, columns, np.float32), dtype)
    wide = {k: np.float32(v) if getattr(v, "dtype", 0) == dtype else v for k, v in args.items()}
    want = run(get_backend("numpy"), function, wide)
    assert_same(run(half_backend, function, args), want, dtype)


@pytest.fixture
def many_threads() -> Iterator[None]:
    """Let every kernel use all threads of the pool, however little there is to do."""
    before = cpu.runtime.thread_pool.thread_pool().size
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name, module in list(sys.modules.items()):
            if name.startswith("nnaccel_kernels.cpu.") and hasattr(module, "threads_for"):
                monkeypatch.setattr(
                    module,
                    "threads_for",
                    lambda *_args, **_more: cpu.runtime.thread_pool.thread_pool().size,
                )
        yield
    cpu.set_num_threads(before)


@functions
@dtypes
def test_the_number_of_threads_changes_no_bit(
    many_threads: None, function: str, dtype: Any
) -> None:
    for shape in ((1, 1), (3, 2), (97, 103)):
        args = CALLS[function](np.random.default_rng(1), *shape, dtype)
        assert_threads_change_nothing(function, args)


@functions
def test_a_replayed_record_is_the_same_call(function: str) -> None:
    assert_replays(function, CALLS[function](np.random.default_rng(2), 31, 9, np.float32))


CONVOLUTIONS = {
    "conv2d": "forward",
    "conv2d_input_gradient": "input_gradient",
    "conv2d_weight_gradient": "weight_gradient",
}
WINDOWS = {
    "3x3": Window((3, 3), padding=(1, 1, 1, 1)),
    "5x2 strided": Window((5, 2), (2, 3), (1, 2, 0, 1), (1, 2)),
}


@pytest.mark.parametrize("function", CONVOLUTIONS)
@pytest.mark.parametrize("algorithm", ["im2col", "direct", "gemm", "winograd"])
@pytest.mark.parametrize("window", WINDOWS)
@dtypes
def test_every_algorithm_of_a_convolution(
    many_threads: None, function: str, algorithm: str, window: str, dtype: Any
) -> None:
    """Neither threads nor recording change what it gives, in any memory order and grouping."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        args = convolution(function, rng, 2, 31, dtype, WINDOWS[window]) | {"algorithm": algorithm}
        args["algorithm"] = planned(function, args)
        if args["algorithm"]:
            assert_threads_change_nothing(function, args)
            assert_replays(function, args)


def planned(function: str, args: dict[str, Any]) -> str | None:
    """The implementation of the algorithm that `cpu` plans for a convolution, if it has one."""
    x, w = args.get("x", args.get("dx")), args.get("w", args.get("dw"))
    shapes, how = (x.shape, w.shape), (args["window"], args["groups"], x.itemsize)
    try:
        plan = cpu.kernels.conv2d_plan(
            CONVOLUTIONS[function], *shapes, *how, args["algorithm"], 16 << 20
        )
    except ValueError:
        return None
    return str(plan.algorithm)


def assert_threads_change_nothing(function: str, args: dict[str, Any]) -> None:
    results = []
    for count in (1, 2, 3, 5):
        cpu.set_num_threads(count)
        results.append(run(get_backend("numba"), function, args))
    for other in results[1:]:
        for name, array in results[0].items():
            np.testing.assert_array_equal(other[name], array, err_msg=name)


def assert_replays(function: str, args: dict[str, Any]) -> None:
    numba = get_backend("numba")
    eager, taped = move(numba, args), move(numba, args)
    for _ in range(3):
        getattr(numba.kernels, function)(**eager)
    with cpu.record() as tape:
        getattr(numba.kernels, function)(**taped)
    before = {k: v.copy() for k, v in taped.items() if isinstance(v, np.ndarray)}
    for name, array in before.items():
        np.testing.assert_array_equal(array, args[name], "recording must not run anything")
    tape.replay(2)
    tape.replay()
    for name in before:
        np.testing.assert_array_equal(taped[name], eager[name], err_msg=name)
