"""Checks of inputs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from nnaccel._validate import refuse_masked
from nnaccel.backends import (
    Array,
    is_of_other_library,
    is_on_device,
    require_current_device,
    view,
)
from nnaccel.layers._several import Several, parts_of, shapes_of
from nnaccel.network.chain import Network
from nnaccel_kernels.half import is_half, wide

_FEW = 1 << 18  # numbers, in a cache, that two passes take less time for than a sum


def take_inputs(network: Network, x: Any) -> Array:
    """Return a network's inputs as `check_inputs` does: `Several` where it takes several.

    Raises
    ------
    ValueError
        As `check_inputs`; or if the network takes another number of inputs, or some have more rows
        than others.
    """
    dtype = network.compute_dtype
    x = x.arrays if isinstance(x, Several) else as_tuple(network, x)
    if not network.takes_several or not (network.built or isinstance(x, tuple)):
        try:
            return check_inputs(x, dtype)
        except ValueError as error:
            raise ValueError(f"{error}{hint_of_tuple(network, x)}") from None
    if not isinstance(x, tuple) or (network.built and len(x) != len(network.input_shape)):
        given = f"a tuple of {len(x)}" if isinstance(x, tuple) else f"a {type(x).__name__}"
        raise ValueError(
            f"the model takes {len(network.input_shape)} inputs, for the branches of "
            f"{network.layers[0].name!r}, but got {given}. To fix: give a tuple of as many arrays"
        )
    if not x:
        raise ValueError("the tuple of inputs is empty: give an array for each branch")
    parts = []
    for number, part in enumerate(x, 1):
        try:
            parts.append(check_inputs(part, dtype))
        except ValueError as error:
            raise ValueError(f"input {number} of {len(x)}: {error}") from None
    if len({len(part) for part in parts}) > 1:
        rows = " and ".join(str(len(part)) for part in parts)
        raise ValueError(f"the inputs have {rows} rows: each needs as many")
    return Several(parts)


def as_tuple(network: Network, x: Any) -> Any:
    """Return a list of several inputs as a tuple, unless it could be meant as one array.

    PyTorch's `DataLoader` gives such lists.
    """
    if not isinstance(x, list) or not network.takes_several:
        return x
    if network.built:
        return tuple(x) if len(x) == len(network.input_shape) else x
    shapes = {tuple(getattr(part, "shape", ())) for part in x}
    return tuple(x) if len(shapes) > 1 and all(shapes) else x


def hint_of_tuple(network: Network, x: Any) -> str:
    """Return what to add to an error where x may be meant as several inputs; else ''."""
    if not network.takes_several or as_tuple(network, x) is not x or not isinstance(x, list):
        return ""
    return ". Several inputs are a tuple of arrays, not a list, until the model is built"


def as_several(network: Network, x: Any) -> Any:
    """Return a tuple as `Several`, whose rows can be chosen, where the network takes several."""
    x = as_tuple(network, x)
    if not isinstance(x, tuple) or not network.takes_several:
        return x
    return Several([sliceable(part, "inputs") for part in x])


def seen(a: Any, what: str) -> Any:
    """Return an array of another library as a view on it, and anything else as it is."""
    if not is_of_other_library(a):
        return a
    a = view(a, what)
    require_current_device(a, what)
    return a


def sliceable(a: Any, what: str) -> Array:
    """Return an array that rows can be chosen of; on a device it stays there."""
    a = seen(a, what)
    return a if is_on_device(a) else np.asanyarray(a)


def check_inputs(x: Any, dtype: Any) -> Array:
    """Return inputs as a contiguous numeric array, copied only if needed.

    Parameters
    ----------
    x : array_like, shape (N, ...)
        Integers, booleans or floats. Memory-mapped arrays stay on disk.
    dtype : dtype
        Dtype of the model's activations, whose range must hold the inputs.

    Raises
    ------
    ValueError
        If it is empty, not numeric, or contains NaN or infinity (not checked on disk).
    """
    x = seen(x, "inputs")
    if is_on_device(x):
        return x
    on_disk = isinstance(x, np.memmap)
    x = as_numbers(x, "inputs")
    if is_half(x.dtype):  # to NumPy, bfloat16 is not of kind "f"
        x = x.astype(wide(x.dtype))
    if x.dtype.kind not in "biuf":
        raise ValueError(f"inputs have dtype {x.dtype}; expected numbers")
    if x.ndim < 2:
        hint = ". To fix: x[None], a batch of one, or x[:, None], a column" if x.ndim else ""
        raise ValueError(
            f"inputs have shape {x.shape}; expected (N, features) or images (N, H, W){hint}"
        )
    if not x.size:
        raise ValueError(f"inputs have shape {x.shape}: nothing to train on or to predict")
    if x.dtype.kind == "b" or (x.dtype.kind == "f" and x.dtype.itemsize not in (4, 8)):
        x = x.astype(wide(dtype))
    if not on_disk:
        if x.dtype.kind == "f":
            _require_finite(x)
        if x.dtype != np.uint8:
            _require_in_range(x, dtype)
    return np.require(x, x.dtype.newbyteorder("="), ["C_CONTIGUOUS", "ALIGNED"])


def as_numbers(x: Any, what: str) -> np.ndarray:
    """Return a NumPy array; objects, as in a frame with columns of several types, become float64.

    Raises
    ------
    ValueError
        If it is sparse or ragged, has masked values, or contains an object that is no number.
    """
    if hasattr(x, "toarray") and hasattr(x, "nnz"):
        raise ValueError(f"{what} are a sparse {type(x).__name__}. To fix: give .toarray()")
    if isinstance(x, Mapping):
        several = ", or several inputs as a tuple" if what == "inputs" else ""
        raise ValueError(f"{what} are a {type(x).__name__}. To fix: give an array{several}")
    refuse_masked(x, what)
    if is_of_other_library(x):
        x = view(x, what)
    try:
        array: np.ndarray = x.get() if is_on_device(x) else np.asarray(x)
    except ValueError as error:
        if "inhomogeneous" not in str(error):
            raise
        several = "; several inputs are a tuple, for a Parallel as the first layer"
        raise ValueError(
            f"{what} are rows of different shapes. To fix: give one array, such as "
            "np.concatenate(parts)" + (several if what == "inputs" else "")
        ) from None
    if array.dtype != object:
        return array
    for item in array.ravel():
        try:
            float(item)
        except (TypeError, ValueError):
            raise ValueError(
                f"{what} hold {item!r} of type {type(item).__name__}; expected numbers, none of "
                "them missing"
            ) from None
    return array.astype(np.float64)


def build_or_check(network: Network, x: Array) -> None:
    """Build the network for inputs like x; ValueError if it was built for another shape."""
    if not network.built:
        network.build(x.shape[1:])
    pairs = [*zip(parts_of(x), shapes_of(network.input_shape), strict=True)]
    for number, (part, wanted) in enumerate(pairs, 1):
        try:
            _require_shape(part, wanted)
        except ValueError as error:
            if len(pairs) == 1:
                raise
            raise ValueError(f"input {number} of {len(pairs)}: {error}") from None


def _require_shape(x: Array, wanted: tuple[int, ...]) -> None:
    """Raise a ValueError unless inputs have a shape, or can be reshaped to it."""
    given = x.shape[1:]
    if not _is_reshape(given, wanted):
        hint = ""
        if len(given) == 3 and (given[2], *given[:2]) == wanted:
            hint = ": put channels first with x.transpose(0, 3, 1, 2)"
        elif _is_reshape(x.shape, wanted):
            hint = ". To fix: x[None], a batch of one"
        raise ValueError(
            f"inputs have shape {x.shape}, so {given} each, but the model was built for {wanted}"
            f"{hint}"
        )


def _is_reshape(given: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether the shapes differ only by flattening, or by axes of length 1."""
    if math.prod(given) != math.prod(wanted):
        return False
    long = [tuple(size for size in shape if size != 1) for shape in (given, wanted)]
    return long[0] == long[1] or min(map(len, long)) <= 1


def _require_in_range(x: np.ndarray, dtype: np.dtype[Any]) -> None:
    """Raise a ValueError if a number is beyond the range of the model's dtype."""
    limit = float(np.finfo(dtype if dtype.kind == "f" else np.float32).max)  # bfloat16's, nearly
    largest = np.iinfo(x.dtype).max if x.dtype.kind in "iu" else np.finfo(x.dtype).max
    if float(largest) > limit and not -limit <= x.min() <= x.max() <= limit:
        raise ValueError(
            f"inputs run from {x.min():.6g} to {x.max():.6g}, but the model's {dtype} ends at "
            f"{limit:.6g}: rescale them"
        )


def _require_finite(x: np.ndarray) -> None:
    """Raise a ValueError that names the first row with NaN or infinity."""
    if x.size <= _FEW and -np.inf < x.min() and x.max() < np.inf:  # false for NaN
        return
    matrix = x.reshape(len(x), math.prod(x.shape[1:]))
    # A sum is not finite if a term is not. No BLAS: its threads would spin beside training's.
    with np.errstate(all="ignore"):
        if np.isfinite(matrix.sum()):
            return
        sums = matrix.sum(axis=1)
    for row in np.flatnonzero(~np.isfinite(sums)):
        if not np.isfinite(matrix[row]).all():
            raise ValueError(
                f"inputs contain NaN or infinity, first in row {row}: remove or replace them"
            )
