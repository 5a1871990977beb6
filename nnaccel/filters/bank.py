"""Named filters and random filters."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from nnaccel import _validate


def _constant(rows: list[list[float]], divisor: float = 1) -> NDArray[np.float32]:
    """Read-only array."""
    a = np.array(rows, np.float32) / np.float32(divisor)
    a.flags.writeable = False
    return a


#: Filters by name, 3x3, read-only; `named` returns copies. They are used in a cross-correlation:
#: not flipped.
FILTERS: Mapping[str, NDArray[np.float32]] = MappingProxyType(
    {
        "identity": _constant([[0, 0, 0], [0, 1, 0], [0, 0, 0]]),
        "emboss": _constant([[2, 0, 0], [0, -1, 0], [0, 0, -1]]),
        "sharpen": _constant([[0, -1, 0], [-1, 5, -1], [0, -1, 0]]),
        "laplace": _constant([[0, 1, 0], [1, -4, 1], [0, 1, 0]]),
        "sobel_x": _constant([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]),
        "sobel_y": _constant([[-1, -2, -1], [0, 0, 0], [1, 2, 1]]),
        "blur": _constant([[1, 2, 1], [2, 4, 2], [1, 2, 1]], 16),
    }
)


def named(name: str) -> NDArray[np.float32]:
    """Return a copy of one of `FILTERS`.

    Parameters
    ----------
    name : str
        A key of `FILTERS`. 'sobel_x' detects vertical edges, brighter on the right; 'sobel_y'
        horizontal edges, brighter below.

    Returns
    -------
    ndarray of float32, shape (3, 3)

    Raises
    ------
    ValueError
        If the name is unknown; the message has the nearest match.

    Examples
    --------
    >>> named("emboss")
    array([[ 2.,  0.,  0.],
           [ 0., -1.,  0.],
           [ 0.,  0., -1.]], dtype=float32)
    """
    if not isinstance(name, str) or name not in FILTERS:
        raise ValueError(_validate.unknown_name("filter", name, tuple(FILTERS)))
    return FILTERS[name].copy()


def random_bank(count: int = 64, seed: int | None = None, size: int = 3) -> NDArray[np.float32]:
    """Return filters with random entries -1, 0 or 1, equally likely.

    Parameters
    ----------
    count : int, default 64
        Number of filters.
    seed : int, optional
        Seed of the filters; random by default.
    size : int, default 3
        Rows and columns of each.

    Returns
    -------
    ndarray of float32, shape (count, size, size)

    Raises
    ------
    ValueError
        If `count` or `size` is not a whole number of at least 1, or `seed` of at least 0.

    Examples
    --------
    >>> bank = random_bank(5, seed=0)
    >>> bank.shape, sorted(set(bank.ravel().tolist()))
    ((5, 3, 3), [-1.0, 0.0, 1.0])
    """
    count, size = _validate.whole_number("count", count, 1), _validate.whole_number("size", size, 1)
    if seed is not None:
        seed = _validate.whole_number("seed", seed, 0)
    drawn = np.random.default_rng(seed).integers(-1, 2, (count, size, size))
    return drawn.astype(np.float32)
