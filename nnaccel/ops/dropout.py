"""Dropout with counter-based random masks."""

from __future__ import annotations

import numpy as np

from nnaccel._validate import whole_number
from nnaccel.backends import Array
from nnaccel.ops import _check, _memory
from nnaccel.ops._libraries import of_any_library

__all__ = ["dropout"]


@of_any_library
def dropout(x: Array, rate: float, *, key: Array, step: Array, first: int = 0) -> Array:
    """Zero each element with probability `rate`, and scale the others by ``1 / (1 - rate)``.

    The mask depends only on (key, step) and the element's index, so it is the same on every
    backend, and the gradient is the same function: ``dx = dropout(dy, rate, key=key, step=step)``.

    Parameters
    ----------
    x : array, any shape
        float32 or float64.
    rate : float in [0, 1)
        Probability of being dropped.
    key : array of one uint64
        Key of the stream of masks; a NumPy array.
    step : array of one int64
        Number of the mask in the stream; an array of the same library as x.
    first : int, default 0
        Index of the first element, where x is the later part of a larger array.

    Returns
    -------
    array, shape of x
        C-contiguous.

    Raises
    ------
    ValueError
        If the rate is outside [0, 1), or `first` is negative.
    TypeError
        If key or step is not an array of this kind.

    References
    ----------
    Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting",
    JMLR 15, 2014.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.ones(1000)
    >>> y = dropout(x, 0.5, key=np.array([7], np.uint64), step=np.array([0]))
    >>> set(y.tolist()) == {0.0, 2.0}
    True
    """
    if not 0 <= rate < 1:
        raise ValueError(f"rate={rate!r} must be at least 0 and below 1")
    first = whole_number("first", first, least=0)
    backend, (x,) = _check.floats("x", x=x)
    for name, a, dtype, kind in (
        ("key", key, "uint64", np.ndarray),
        ("step", step, "int64", type(x)),
    ):
        if not isinstance(a, kind) or a.shape != (1,) or a.dtype != dtype:
            library = "NumPy" if kind is np.ndarray else "CuPy"
            raise TypeError(f"{name} must be a {library} array of one {dtype}, not {a!r}")
    x = _memory.in_c_order(backend, x)  # an element's index must not depend on the memory order
    y = backend.empty(x.shape, x.dtype)
    backend.kernels.dropout(x, rate, key, step, first, y)
    return y
