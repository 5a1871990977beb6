"""Checks of an op's arrays and settings."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnaccel import _validate
from nnaccel.backends import Array, Backend, backend_of
from nnaccel.ops import _memory
from nnaccel_kernels.activations import ACTIVATIONS, FROM_OUTPUT
from nnaccel_kernels.half import is_half, wide

_FLOATS = np.dtype("float32"), np.dtype("float64")
# Parameters may be float32 where the other arrays have 16 bits.
_PARAMETERS = {"w", "b", "gamma", "beta", "mean", "inv_std", "running_mean", "running_var"}

# Activations that look at all classes of a row, not at each element by itself.
OVER_CLASSES = "softmax", "log_softmax"

# Default slope of leaky_relu and scale of elu, as in Keras.
DEFAULT_ALPHA = {"leaky_relu": 0.3, "elu": 1.0}


class OrderError(RuntimeError):
    """An array cannot be recorded in the order of its memory."""


def floats(images: str = "", /, **arrays: Any) -> tuple[Backend, list[Any]]:
    """Return the arrays' backend and the arrays, C-contiguous; None entries stay None.

    Parameters
    ----------
    images : str
        Names, separated by blanks, of arrays that may be channels-last instead.
    **arrays : array or None
        By the names used in errors.

    Raises
    ------
    TypeError
        If the arrays are not of one library and one dtype: float32, float64, or float16 or
        bfloat16 where the backend supports them. Parameters may be float32 beside 16 bits.
    """
    backend = backend_of(*arrays.values())
    kinds = {name: a.dtype for name, a in arrays.items() if a is not None}
    for name, kind in kinds.items():
        if kind not in _FLOATS and not (backend.halves and is_half(kind)):
            where = f", not supported by backend {backend.name!r}" if is_half(kind) else ""
            raise TypeError(
                f"{name} has dtype {kind}{where}: convert it with {name}.astype('float32') "
                "(or 'float64')"
            )
    if not _agree(kinds):
        listed = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
        raise TypeError(f"arrays of two dtypes ({listed}): convert them to one with astype")
    either = images.split()
    return backend, [
        None if a is None else _in_order(backend, name, a, name in either)
        for name, a in arrays.items()
    ]


def _agree(kinds: dict[str, np.dtype[Any]]) -> bool:
    """Whether arrays of these dtypes, by name, can be used together."""
    rest = {kind for name, kind in kinds.items() if name not in _PARAMETERS}
    parameters = {kind for name, kind in kinds.items() if name in _PARAMETERS}
    allowed = rest | {wide(kind) for kind in rest}
    return len(rest | parameters) < 2 or (len(rest) == 1 and parameters <= allowed)


def _in_order(backend: Backend, name: str, a: Array, either: bool) -> Array:
    """`a` as a plain C-contiguous array, or as it is if it is channels-last and may be."""
    if either and _memory.is_channels_last(a):
        return backend.xp.asarray(a)
    if backend.recording() and not a.flags.c_contiguous:
        raise OrderError(
            f"{name} is not C-contiguous: a replay of the step would read an old copy of it. To "
            "fix: make it C-contiguous, or leave out @kernels_only"
        )
    return backend.xp.asarray(a, order="C")


def ndim(name: str, a: Array, wanted: int, meaning: str) -> None:
    """Raise a ValueError unless `a` has `wanted` axes; `meaning` names them, as in '(N, in)'."""
    if a.ndim != wanted:
        raise ValueError(f"{name} has shape {a.shape}; expected {wanted} axes, {meaning}")


def images(name: str, a: Array) -> None:
    """Raise a ValueError unless `a` is a batch of images with pixels."""
    ndim(name, a, 4, "(N, C, H, W)")
    if 0 in a.shape[1:]:
        raise ValueError(f"{name} has shape {a.shape}: its images have no pixels")


def shape(name: str, a: Array, wanted: tuple[int, ...]) -> None:
    """Raise a ValueError unless `a` has the shape `wanted`."""
    if a.shape != wanted:
        raise ValueError(f"{name} has shape {a.shape}; expected {wanted}")


def same_shape(name: str, a: Array, other: str, b: Array) -> None:
    """Raise a ValueError unless two arrays have one shape."""
    if a.shape != b.shape:
        raise ValueError(f"{name} has shape {a.shape} but {other} has {b.shape}; they must agree")


def output(name: str, a: Array, like: Array, shape: tuple[int, ...]) -> None:
    """Raise a ValueError unless `a` is an output of `shape` and of the dtype of `like`."""
    if a.shape != shape or a.dtype != like.dtype:
        raise ValueError(
            f"{name} has shape {a.shape} and dtype {a.dtype}; expected {shape} and {like.dtype}"
        )
    if not a.flags.c_contiguous:
        raise ValueError(f"{name} must be C-contiguous to be written to")
    if not getattr(a.flags, "writeable", True):  # CuPy has none that are not
        raise ValueError(f"{name} is read-only, so it cannot be written to: give a copy")


def activation(name: str) -> None:
    """Raise a ValueError, with the nearest match, unless `name` is an activation."""
    choices = (*ACTIVATIONS, *OVER_CLASSES)
    if name not in choices:
        raise ValueError(_validate.unknown_name("activation", name, choices))


def fusable_activation(name: str) -> None:
    """Raise a ValueError unless `name` is an activation that can be fused into a kernel."""
    activation(name)
    if name not in FROM_OUTPUT:
        raise ValueError(f"activation {name!r} cannot be fused: apply nnaccel.ops.{name} after it")


def flag(name: str, value: object) -> bool:
    """Return a bool; ValueError for any other type."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name}={value!r} must be True or False")
    return bool(value)


def batch_norm(momentum: float, epsilon: float) -> None:
    """Raise a ValueError unless these are settings of batch normalisation."""
    if not 0 <= momentum <= 1:
        raise ValueError(f"momentum={momentum!r} must lie in 0..1")
    if not 0 < epsilon < math.inf:
        raise ValueError(f"epsilon={epsilon!r} must be above 0 and finite")


def alpha(name: str, value: float | None) -> float:
    """Return slope or scale of an activation, by default Keras's; ValueError if it is negative."""
    value = DEFAULT_ALPHA.get(name, 0.0) if value is None else float(value)
    if not 0 <= value < math.inf:
        raise ValueError(f"alpha={value!r} of {name!r} must be at least 0 and finite")
    return value
