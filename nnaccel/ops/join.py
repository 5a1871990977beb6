"""Joins of branches: sums, products, and channels one after another."""

from __future__ import annotations

from collections.abc import Sequence

from nnaccel.backends import Array
from nnaccel.ops import _check, _memory
from nnaccel.ops._libraries import of_any_library
from nnaccel.ops._replay import replayed

__all__ = ["add", "concat", "multiply", "split"]


@replayed
def add(x: Array, z: Array) -> Array:
    """Return ``x + z`` of two arrays of one shape; each one's gradient is dy.

    Parameters
    ----------
    x, z : array
        float32 or float64; the memory of images may be channels-last.

    Returns
    -------
    array
        In the memory order of x.

    Raises
    ------
    ValueError
        If the shapes differ.
    TypeError
        If the arrays are of two libraries or dtypes, or not floats.

    Examples
    --------
    >>> import numpy as np
    >>> add(np.ones(2), np.array([1.0, 2.0]))
    array([2., 3.])
    """
    return _elementwise("add", x, z)


@replayed
def multiply(x: Array, z: Array) -> Array:
    """Return ``x * z`` of two arrays of one shape.

    The gradient of x is ``multiply(dy, z)``, and that of z ``multiply(dy, x)``.

    Parameters
    ----------
    x, z : array
        As for `add`.

    Returns
    -------
    array
        In the memory order of x.

    Raises
    ------
    ValueError, TypeError
        As `add`.

    Examples
    --------
    >>> import numpy as np
    >>> multiply(np.full(2, 3.0), np.array([1.0, 2.0]))
    array([3., 6.])
    """
    return _elementwise("multiply", x, z)


@of_any_library
def concat(arrays: Sequence[Array]) -> Array:
    """Return arrays joined along their second axis: channels or features one after another.

    The gradient is `split`.

    Parameters
    ----------
    arrays : sequence of array, shape (N, C, ...)
        float32 or float64, alike but for C; the memory of images may be channels-last.

    Returns
    -------
    array, shape (N, sum of all C, ...)
        In the memory order of the first.

    Raises
    ------
    ValueError
        If there are none, or their shapes do not fit.
    TypeError
        If the arrays are of two libraries or dtypes, or not floats.

    Examples
    --------
    >>> import numpy as np
    >>> concat([np.zeros((1, 1)), np.ones((1, 2))])
    array([[0., 1., 1.]])
    """
    names = [f"x{number}" for number in range(len(arrays))]
    if not names:
        raise ValueError("concat needs at least one array")
    backend, checked = _check.floats(" ".join(names), **dict(zip(names, arrays, strict=True)))
    like = checked[0]
    for name, x in zip(names, checked, strict=True):
        if x.ndim < 2 or (len(x), *x.shape[2:]) != (len(like), *like.shape[2:]):
            raise ValueError(
                f"{name} has shape {x.shape} and x0 has {like.shape}; they must agree in all axes "
                "but the second"
            )
    shape = len(like), sum(x.shape[1] for x in checked), *like.shape[2:]
    y, first = _memory.empty(backend, shape, like.dtype, _memory.is_channels_last(like)), 0
    for x in checked:
        backend.kernels.put_channels(_memory.in_order_of(backend, x, y), first, y)
        first += x.shape[1]
    return y


@of_any_library
def split(x: Array, sizes: Sequence[int]) -> list[Array]:
    """Return the parts of an array with these numbers of channels or features, as `concat` took.

    Parameters
    ----------
    x : array, shape (N, C, ...)
        float32 or float64; the memory of images may be channels-last.
    sizes : sequence of int
        Their sum is C.

    Returns
    -------
    list of array, shape (N, size, ...)
        In the memory order of x.

    Raises
    ------
    ValueError
        If the sum is not C.
    TypeError
        If x does not hold floats.

    Examples
    --------
    >>> import numpy as np
    >>> split(np.array([[0.0, 1.0, 1.0]]), [1, 2])
    [array([[0.]]), array([[1., 1.]])]
    """
    backend, (x,) = _check.floats("x", x=x)
    if x.ndim < 2 or sum(sizes) != x.shape[1] or min(sizes) < 0:
        raise ValueError(f"x has shape {x.shape}; its second axis must be the sum of {sizes}")
    parts, first = [], 0
    for size in sizes:
        shape = len(x), size, *x.shape[2:]
        parts.append(_memory.empty(backend, shape, x.dtype, _memory.is_channels_last(x)))
        backend.kernels.take_channels(x, first, parts[-1])
        first += size
    return parts


def _elementwise(kernel: str, x: Array, z: Array) -> Array:
    """Return the kernel's result, in the memory order of x."""
    backend, (x, z) = _check.floats("x z", x=x, z=z)
    _check.same_shape("x", x, "z", z)
    y = _memory.empty_like(backend, x)
    arrays = x, _memory.in_order_of(backend, z, x), y
    getattr(backend.kernels, kernel)(*map(_memory.as_stored, arrays))
    return y
