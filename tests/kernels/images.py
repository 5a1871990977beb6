"""Images and windows drawn for tests, in either memory order, on any backend."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from nnaccel.backends import Backend, to_numpy
from nnaccel_kernels.window import Window

Shape = tuple[int, ...]


class Case(NamedTuple):
    """An image and the window that goes over it."""

    shape: Shape
    window: Window
    seed: int = 0


@st.composite
def cases(draw: st.DrawFn, crop: int = 0, channels: int = 5, taps: int = 4) -> Case:
    """A window that fits at least once over an image, which may be of one pixel or none wide."""
    window, size = [], []
    for _ in range(2):
        kernel, stride = draw(st.integers(1, taps)), draw(st.integers(1, 3))
        dilation = draw(st.integers(1, 2))
        before, after = (draw(st.integers(-crop, 2)) for _ in range(2))
        extent = (kernel - 1) * dilation + 1
        slack = draw(st.one_of(st.integers(0, 6), st.sampled_from([0, 16])))
        size.append(max(1, extent - before - after + slack))
        window.append((kernel, stride, (before, after), dilation))
    down, across = window
    shape = draw(st.integers(0, 2)), draw(st.integers(1, channels)), *size
    return Case(
        shape,
        Window(
            (down[0], across[0]),
            (down[1], across[1]),
            (*down[2], *across[2]),
            (down[3], across[3]),
        ),
        draw(st.integers(0, 2**32 - 1)),
    )


orders = st.booleans()  # whether an array is channels-last in memory


def normal(seed: int, dtype: Any, *shapes: Shape) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def place(backend: Backend, a: np.ndarray, channels_last: bool = False) -> Any:
    """`a` on a backend, in one memory order or the other."""
    if not channels_last:
        return backend.asarray(np.ascontiguousarray(a))
    return backend.asarray(np.ascontiguousarray(a.transpose(0, 2, 3, 1))).transpose(0, 3, 1, 2)


def unfilled(backend: Backend, shape: Shape, dtype: Any, channels_last: bool = False) -> Any:
    """An array to be filled, whose contents show where it was not."""
    return place(backend, np.full(shape, np.nan, dtype), channels_last)


def assert_within(got: Any, want: np.ndarray, bound: Any, name: str = "") -> None:
    """Nowhere further from `want` than the bound there."""
    got = to_numpy(got)
    assert got.shape == want.shape, name
    error = np.abs(got.astype(np.float64) - want)
    worst = np.max(error - bound, initial=-1.0)
    assert (error <= bound).all(), f"{name}: {worst} over the bound"


def eps(dtype: Any) -> float:
    return float(np.finfo(dtype).eps)
