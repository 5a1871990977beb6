"""Plain kernels give on other array libraries what they give on NumPy."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nnaccel.conformance.calls import CALLS
from nnaccel.conformance.comparing import HALVES, assert_same, halved
from nnaccel.conformance.drawing import Args
from nnaccel_kernels import reference
from nnaccel_kernels.activations import ACTIVATIONS
from nnaccel_kernels.reference.namespace import namespace

DTYPES = [*HALVES, np.dtype(np.float32), np.dtype(np.float64)]
NAMESPACES = {
    library: namespace(import_module(library).asarray([0.0]))
    for library in ("array_api_strict", "torch")
    if library == "array_api_strict" or find_spec(library)
}
on_each_library = pytest.mark.parametrize(
    ("xp", "dtype"),
    [
        pytest.param(xp, dtype, id=f"{library}-{dtype}")
        for library, xp in NAMESPACES.items()
        for dtype in DTYPES
        if hasattr(xp, dtype.name)
    ],
)


@on_each_library
@pytest.mark.parametrize("function", sorted(CALLS))
@settings(max_examples=4)
@given(rows=st.integers(0, 20), columns=st.integers(1, 20), seed=st.integers(0, 2**32 - 1))
@example(rows=0, columns=3, seed=0)
@example(rows=1, columns=1, seed=0)
def test_results_are_those_on_numpy(
    xp: Any, dtype: Any, function: str, rows: int, columns: int, seed: int
) -> None:
    drawn = np.float32 if dtype in HALVES else dtype
    args = CALLS[function](np.random.default_rng(seed), rows, columns, drawn)
    assert_same_on_numpy(xp, function, halved(args, dtype) if dtype in HALVES else args, dtype)


@on_each_library
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation(xp: Any, dtype: Any, name: str) -> None:
    rng = np.random.default_rng(0)
    x, dy = rng.normal(0, 3, (2, 5, 7)).astype(dtype)
    how = {"name": name, "alpha": 0.3}
    y = assert_same_on_numpy(xp, "activate", {**how, "x": x, "y": np.full_like(x, 7)}, dtype)["y"]
    backward = {**how, "dy": dy, "x": x, "y": y, "dx": np.full_like(x, 7)}
    assert_same_on_numpy(xp, "activate_backward", backward, dtype)


@on_each_library
def test_an_array_passed_twice_is_changed_once(xp: Any, dtype: Any) -> None:
    x = np.linspace(-2, 2, 9).astype(dtype)
    y = in_library(xp, x)
    reference.kernels.activate("tanh", 0.0, y, y)
    assert_same({"y": on_host(xp, y)}, {"y": np.tanh(x.astype(float))}, dtype)


@pytest.mark.parametrize("xp", NAMESPACES.values(), ids=NAMESPACES)
def test_dropout_has_the_same_mask(xp: Any) -> None:
    """Of a key and a step that take all 64 bits."""
    key, step = np.array([2**64 - 3], np.uint64), np.array([2**62])
    x, y = np.ones((2, 1, 50, 40), np.float32)
    ours, theirs = in_library(xp, x), in_library(xp, y)
    reference.kernels.dropout(x, 0.4, key, step, 0, y)
    reference.kernels.dropout(ours, 0.4, in_library(xp, key), in_library(xp, step), 0, theirs)
    np.testing.assert_array_equal(on_host(xp, theirs) != 0, y != 0)


def test_numpy_arrays_need_no_wrapper(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "array_api_compat", None)
    assert namespace(np.zeros(1)) is np


def assert_same_on_numpy(xp: Any, function: str, args: Args, dtype: Any) -> dict[str, np.ndarray]:
    """Call a kernel with arrays of both libraries and compare all of them afterwards."""
    ours = {k: in_library(xp, v) if isinstance(v, np.ndarray) else v for k, v in args.items()}
    want = {k: v.copy("K") for k, v in args.items() if isinstance(v, np.ndarray)}
    kernel = getattr(reference.kernels, function)
    kernel(**ours)
    kernel(**args | want)
    assert_same({name: on_host(xp, ours[name]) for name in want}, want, dtype)
    return want


def in_library(xp: Any, a: np.ndarray) -> Any:
    """A copy of `a`, whose dtype of 16 bits NumPy has from elsewhere."""
    copied = a.astype(np.float32) if a.dtype in HALVES else a.copy("K")
    return xp.asarray(copied, dtype=getattr(xp, a.dtype.name))


def on_host(xp: Any, x: Any) -> np.ndarray:
    return np.from_dlpack(xp.astype(x, xp.float64))
