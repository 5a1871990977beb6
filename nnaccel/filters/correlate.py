"""Cross-correlation of an image with filters."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nnaccel import ops
from nnaccel.backends import Array, Backend, get_backend, is_on_device, to_numpy
from nnaccel.filters.bank import named

_IMAGE = "(H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA"
_FILTER = "(R, S), or (F, R, S) for several"


def apply(image: ArrayLike, filter: str | ArrayLike) -> Array:
    """Return the cross-correlation of an image with a filter, or with each of several.

    Without padding, on the current backend.

    Parameters
    ----------
    image : array_like, shape (H, W), (H, W, 3) or (H, W, 4)
        Grey, RGB or RGBA; integers or floats, which are not rescaled: uint8 runs up to 255.
    filter : str, or array_like of shape (R, S) or (F, R, S)
        A key of `FILTERS`, a filter, or a bank of F filters of one size.

    Returns
    -------
    array of float32, shape (OH, OW), (OH, OW, 3) or (OH, OW, 4)
        OH = H - R + 1 and OW = W - S + 1, with a new first axis F for a bank. Each colour is
        filtered separately. Alpha is not filtered, but cropped to the same size around the
        filter's centre.

    Raises
    ------
    ValueError
        If a name is unknown, the shapes do not fit, or a number is NaN or beyond float32.
    TypeError
        If image or filter does not hold numbers.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.arange(12).reshape(3, 4)
    >>> apply(image, [[1, -1], [0, 0]]).tolist()
    [[-1.0, -1.0, -1.0], [-1.0, -1.0, -1.0]]
    >>> apply(image, "sobel_y").tolist()
    [[32.0, 32.0]]
    """
    backend = get_backend()
    x = _floats(backend, "image", image)
    if x.ndim not in (2, 3) or (x.ndim == 3 and x.shape[2] not in (3, 4)):
        first = x.ndim == 3 and x.shape[0] in (3, 4)
        hint = ": put the colours last with image.transpose(1, 2, 0)" if first else ""
        raise ValueError(f"image has shape {x.shape}; expected {_IMAGE}{hint}")
    w = _floats(backend, "filter", named(filter) if isinstance(filter, str) else filter)
    if w.ndim not in (2, 3) or 0 in w.shape:
        raise ValueError(f"filter has shape {w.shape}; expected {_FILTER}")
    rows, columns = w.shape[-2:]
    if rows > x.shape[0] or columns > x.shape[1]:
        raise ValueError(
            f"filter of {rows}x{columns} does not fit on an image of {x.shape[0]}x{x.shape[1]}: "
            "give a smaller filter or a larger image"
        )
    maps = _correlate(backend, x, w.reshape(-1, 1, rows, columns))
    return maps if w.ndim == 3 else maps[0]


def _correlate(backend: Backend, x: Array, w: Array) -> Array:
    """Filter an image with w (F, 1, R, S); return maps (F, OH, OW), or (F, OH, OW, colours)."""
    if x.ndim == 2:
        return ops.conv2d(x[None, None], w)[0]
    colours = backend.xp.ascontiguousarray(x[..., :3].transpose(2, 0, 1))
    filtered = ops.conv2d(colours[:, None], w)  # each colour an image of one channel
    count, height, width = filtered.shape[1:]
    maps = backend.xp.empty((count, height, width, x.shape[2]), x.dtype)
    for colour, plane in enumerate(filtered):  # twice as fast as one transposed copy
        maps[..., colour] = plane
    if x.shape[2] == 4:
        top, left = (w.shape[2] - 1) // 2, (w.shape[3] - 1) // 2
        maps[..., 3] = x[top : top + height, left : left + width, 3]
    return maps


def _floats(backend: Backend, name: str, given: Any) -> Array:
    """Return numbers as finite float32 on the backend."""
    a = given if is_on_device(given) else np.asarray(given)
    if a.dtype.kind not in "biuf":
        raise TypeError(f"{name} has dtype {a.dtype}; expected integers or floats")
    with np.errstate(over="ignore"):  # infinity raises an error below
        a = backend.asarray(a, np.float32)
    finite = backend.xp.isfinite(a)
    if not finite.all():
        place = tuple(map(int, np.argwhere(~to_numpy(finite))[0]))
        raise ValueError(
            f"{name} contains NaN, infinity or a number beyond float32, first at {place}: "
            "remove or replace it"
        )
    return a
