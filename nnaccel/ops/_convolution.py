"""What convolutions share: the checks of their weights, and the choice of an algorithm."""

from __future__ import annotations

from nnaccel import _config, _validate
from nnaccel.backends import Array, Backend, backend_of
from nnaccel.ops import _check
from nnaccel_kernels.window import ConvolutionPlan, Window

ALGORITHMS = ("auto", "im2col", "direct", "gemm", "winograd")

_LEAST_WORKSPACE = 16 << 20  # bytes
_SHARE = 10  # the workspace may be this part of input and output


def algorithm(name: str) -> None:
    """Raise a ValueError, with the nearest match, unless `name` is an algorithm."""
    if name not in ALGORITHMS:
        raise ValueError(_validate.unknown_name("algorithm", name, ALGORITHMS))


def weights(w: Array, groups: int, of: str) -> int:
    """Return `groups` as an int; ValueError unless `w` is (K, C/groups, R, S) and fits it."""
    _check.ndim("w", w, 4, of)
    if 0 in w.shape:
        raise ValueError(f"w has shape {w.shape}; each axis must be at least 1")
    groups = _validate.whole_number("groups", groups)
    if w.shape[0] % groups:
        raise ValueError(
            f"w has shape {w.shape}: its first axis does not split into {groups} groups"
        )
    return groups


def channels(name: str, image: Array, w: Array, groups: int) -> None:
    """Raise a ValueError unless a convolution of `image` by `w` is defined."""
    wanted, found = w.shape[1] * groups, image.shape[1]
    if found != wanted:
        each = f" in each of {groups} groups" if groups > 1 else ""
        raise ValueError(
            f"w expects {w.shape[1]} channels{each}, so {name} must have {wanted}, but has {found}"
        )


def bias(b: Array | None, count: int) -> None:
    """Raise a ValueError unless `b` has one number for each output channel."""
    if b is not None and b.shape != (count,):
        raise ValueError(f"b has shape {b.shape}; expected ({count},), one for each output channel")


def gradients(
    backend: Backend, w: Array, count: int, out: tuple[Array | None, Array | None] | None
) -> tuple[Array | None, Array | None]:
    """Return where dw, and db of `count` output channels, are to be written."""
    if out is None:
        return backend.empty(w.shape, w.dtype), backend.empty(count, w.dtype)
    dw, db = out
    backend_of(w, dw, db)
    if dw is not None:
        _check.output("dw", dw, w, w.shape)
    if db is not None:
        _check.output("db", db, w, (count,))
    return dw, db


def plan(
    backend: Backend,
    direction: str,
    image: Array,
    positions: Array,
    w: Array,
    window: Window,
    groups: int,
    name: str,
) -> ConvolutionPlan:
    """Return how to convolve, inside the budget for workspace.

    Parameters
    ----------
    backend : Backend
    direction : {'forward', 'input_gradient', 'weight_gradient'}
    image, positions : array
        What the window slides over, and what has a pixel for each of its positions.
    w : array, shape (K, C/groups, R, S)
    window : Window
    groups : int
    name : str
        The algorithm asked for, or 'auto'.
    """
    budget = _config.workspace_bytes(
        max(_LEAST_WORKSPACE, (image.nbytes + positions.nbytes) // _SHARE)
    )
    shapes, size = (image.shape, w.shape), image.dtype.itemsize
    chosen: ConvolutionPlan = backend.kernels.conv2d_plan(
        direction, *shapes, window, groups, size, name, budget
    )
    return chosen
