"""Two spirals that turn around each other: classes that no line can part."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nnaccel._validate import whole_number


def spirals(
    n: int = 1000, *, turns: float = 1.0, noise: float = 0.05, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Draw points from two spirals, one for each class.

    Parameters
    ----------
    n : int, default 1000
        Number of points; every second one is of class 1.
    turns : float, default 1
        How often a spiral goes around; its distance from the centre grows from 1/3 to
        ``(2 * turns + 1) / 3``.
    noise : float, default 0.05
        Standard deviation that is added to both coordinates.
    seed : int, default 0

    Returns
    -------
    x : ndarray of float32, shape (n, 2)
    y : ndarray of int64, shape (n,)
        0 or 1.

    Raises
    ------
    ValueError
        If `n` is not a whole number of at least 2, or `turns` or `noise` is below 0 or not finite.

    References
    ----------
    K. J. Lang and M. J. Witbrock, "Learning to tell two spirals apart", Proceedings of the 1988
    Connectionist Models Summer School.

    Examples
    --------
    >>> from nnaccel.data import spirals
    >>> x, y = spirals(6)
    >>> x.shape, y
    ((6, 2), array([0, 1, 0, 1, 0, 1]))
    """
    n = whole_number("n", n, least=2)
    for name, value in (("turns", turns), ("noise", noise)):
        if not 0 <= value < np.inf:
            raise ValueError(f"{name}={value!r} must be at least 0 and finite")
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    along = turns * rng.random(n)
    radius, angle = (2 * along + 1) / 3, 2 * np.pi * along + np.pi * y
    x = radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return (x + noise * rng.normal(size=x.shape)).astype(np.float32), y
