"""Convolutions: checks of weights, and the choice of an algorithm."""

from __future__ import annotations

from nnaccel import _config, _validate
from nnaccel.backends import Array, Backend, backend_of
from nnaccel.ops import _check
from nnaccel_kernels.window import ConvolutionPlan, Window

ALGORITHMS = ("auto", "im2col", "direct", "gemm", "winograd")

_BUDGET_DIVISOR = 10  # of workspace for large arrays: a tenth of input and output


def algorithm(name: str) -> None:
    """Raise a ValueError, with the nearest match, unless `name` is an algorithm."""
    if name not in ALGORITHMS:
        raise ValueError(_validate.unknown_name("algorithm", name, ALGORITHMS))


def weights(w: Array, groups: int, of: str) -> int:
    """Return `groups` as an int; ValueError unless w has the axes `of` and splits into groups."""
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
    """Raise a ValueError unless `image` has the channels that `w` expects."""
    wanted, found = w.shape[1] * groups, image.shape[1]
    if found != wanted:
        each = f" in each of {groups} groups" if groups > 1 else ""
        raise ValueError(
            f"w expects {w.shape[1]} channels{each}, so {name} must have {wanted}, but has {found}"
        )


def bias(b: Array | None, count: int) -> None:
    """Raise a ValueError unless `b` is None or has shape (count,)."""
    if b is not None and b.shape != (count,):
        raise ValueError(f"b has shape {b.shape}; expected ({count},), one for each output channel")


def gradients(
    backend: Backend, w: Array, count: int, out: tuple[Array | None, Array | None] | None
) -> tuple[Array | None, Array | None]:
    """Return the arrays for dw and for db of `count` channels: new ones, or `out` if it fits."""
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
    *,
    measure: bool = True,
) -> ConvolutionPlan:
    """Return the plan of a convolution, within the budget for workspace.

    Parameters
    ----------
    backend : Backend
    direction : {'forward', 'input_gradient', 'weight_gradient'}
    image, positions : array
        The array under the window, and the array with a pixel for each position of it.
    w : array, shape (K, C/groups, R, S)
    window : Window
    groups : int
    name : str
        An algorithm, or 'auto'.
    measure : bool, default True
        Whether a GPU times the algorithms for a new shape and saves the fastest on disk. Without
        it the plan of a new shape is 'auto'.
    """
    budget = _config.workspace_bytes(
        max(backend.workspace, (image.nbytes + positions.nbytes) // _BUDGET_DIVISOR)
    )
    shapes, size = (image.shape, w.shape), image.dtype.itemsize
    chosen: ConvolutionPlan = backend.kernels.conv2d_plan(
        direction, *shapes, window, groups, size, name, budget, measure=measure
    )
    return chosen
