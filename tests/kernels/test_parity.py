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
from nnaccel_kernels import cpu, reference

from .calls import CALLS, assert_same, move, run

functions = pytest.mark.parametrize("function", sorted(CALLS))
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def test_both_sides_offer_the_same_functions_with_the_same_parameters() -> None:
    assert set(cpu.__all__) - {"record", "recording", "set_num_threads"} == set(reference.__all__)
    assert set(CALLS) == set(reference.__all__)
    for name in reference.__all__:
        ours, theirs = (inspect.signature(getattr(m, name)) for m in (cpu, reference))
        assert list(ours.parameters) == list(theirs.parameters), name


@functions
@dtypes
@settings(max_examples=8)
@given(rows=st.integers(0, 40), columns=st.integers(1, 40), seed=st.integers(0, 2**32 - 1))
@example(rows=0, columns=3, seed=0)
@example(rows=1, columns=1, seed=0)
@example(rows=33, columns=1, seed=0)
@example(rows=1, columns=17, seed=0)
def test_every_backend_agrees_with_numpy(
    backend: Any, function: str, dtype: Any, rows: int, columns: int, seed: int
) -> None:
    args = CALLS[function](np.random.default_rng(seed), rows, columns, dtype)
    want = run(get_backend("numpy"), function, args)
    assert_same(run(backend, function, args), want, dtype)


@pytest.fixture
def many_threads() -> Iterator[None]:
    """Let every kernel use all threads of the team, however little there is to do."""
    before = cpu._team.team().size
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name, module in list(sys.modules.items()):
            if name.startswith("nnaccel_kernels.cpu.") and hasattr(module, "threads_for"):
                monkeypatch.setattr(
                    module, "threads_for", lambda *_args, **_more: cpu._team.team().size
                )
        yield
    cpu.set_num_threads(before)


@functions
@dtypes
@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (97, 103)])
def test_the_number_of_threads_changes_no_bit(
    many_threads: None, function: str, dtype: Any, shape: tuple[int, int]
) -> None:
    args = CALLS[function](np.random.default_rng(1), *shape, dtype)
    results = []
    for count in (1, 2, 3, 5):
        cpu.set_num_threads(count)
        results.append(run(get_backend("numba"), function, args))
    for other in results[1:]:
        for name, array in results[0].items():
            np.testing.assert_array_equal(other[name], array, err_msg=name)


@functions
def test_a_replayed_record_is_the_same_call(function: str) -> None:
    numba = get_backend("numba")
    args = CALLS[function](np.random.default_rng(2), 31, 9, np.float32)
    eager, taped = move(numba, args), move(numba, args)
    for _ in range(3):
        getattr(cpu, function)(**eager)
    with cpu.record() as tape:
        getattr(cpu, function)(**taped)
    before = {k: v.copy() for k, v in taped.items() if isinstance(v, np.ndarray)}
    assert all((before[k] == args[k]).all() for k in before), "recording must not run anything"
    tape.replay(2)
    tape.replay()
    for name in before:
        np.testing.assert_array_equal(taped[name], eager[name], err_msg=name)
