"""Checks of what a network is given: inputs, targets, weights of rows, and its own ending."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from nnaccel.backends import Array, is_cupy, is_kernels_only, to_numpy
from nnaccel.network.chain import Network
from nnaccel.training.losses import Loss
from nnaccel.training.targets import encode_targets
from nnaccel_kernels.half import is_half, wide


def check_inputs(x: Any, dtype: Any) -> Array:
    """Return inputs as an array that can be gathered from, copied only if it has to be.

    Parameters
    ----------
    x : array_like, shape (N, ...)
        uint8 (pixels, to be divided by 255), other integers, booleans or floats. Memory-mapped
        arrays stay on disk.
    dtype : dtype
        That the model computes in, which must hold the inputs.

    Raises
    ------
    ValueError
        If it is empty, not numeric, or has NaN or infinity in it (not looked for on disk).
    """
    if is_cupy(x):
        return x
    on_disk = isinstance(x, np.memmap)
    x = _as_numbers(x, "inputs")
    if is_half(x.dtype):  # of bfloat16 NumPy does not know that it is one of floats
        x = x.astype(wide(x.dtype))
    if x.dtype.kind not in "biuf":
        raise ValueError(f"inputs have dtype {x.dtype}; expected numbers")
    if x.ndim < 2:
        raise ValueError(f"inputs have shape {x.shape}; expected (N, features) or images (N, H, W)")
    if not x.size:
        raise ValueError(f"inputs have shape {x.shape}: nothing to train on or to predict")
    if x.dtype.kind == "b" or (x.dtype.kind == "f" and x.dtype.itemsize not in (4, 8)):
        x = x.astype(wide(dtype))
    if not on_disk:
        if x.dtype.kind == "f":
            _require_finite(x)
        if x.dtype != np.uint8:
            _require_within(x, dtype)
    return np.require(x, x.dtype.newbyteorder("="), ["C_CONTIGUOUS", "ALIGNED"])


def check_pair(network: Network, loss: Loss, x: Any, y: Any) -> tuple[Array, np.ndarray]:
    """Return inputs and targets ready for a `BatchLoader`, building the network if it is not yet.

    Raises
    ------
    ValueError
        If they do not fit each other or the model; it is not built then.
    """
    x, y = check_inputs(x, network.compute_dtype), _as_numbers(to_numpy(y), "targets")
    if y.ndim == 0 or len(x) != len(y):
        raise ValueError(f"{len(x)} inputs but targets of shape {y.shape}: they must pair up")
    output_shape = network.output_shape if network.built else network.infer_shapes(x.shape[1:])[-1]
    if len(output_shape) != 1:
        raise ValueError(
            f"the model's outputs have shape {output_shape}; to train it, end it with Flatten or "
            "Dense"
        )
    targets = encode_targets(loss, y, output_shape[0], network.dtype)
    build_or_check(network, x)
    return x, targets


def check_batch(network: Network, loss: Loss, batch: Any, number: int) -> tuple[Array, np.ndarray]:
    """Return what `check_pair` does of batch `number`, counted from 0, of a stream."""
    if not isinstance(batch, (tuple, list)) or len(batch) != 2:
        raise ValueError(f"batch {number + 1} is no pair (x, y) but a {type(batch).__name__}")
    try:
        return check_pair(network, loss, *batch)
    except ValueError as error:
        raise ValueError(f"batch {number + 1}: {error}") from None


def open_stream(network: Network, loss: Loss, batches: Any) -> Iterable[Any]:
    """Return an iterable of batches, the network built from the first, which is not lost.

    Raises
    ------
    ValueError
        If it is no iterable of pairs (x, y), or gives none.
    """
    if hasattr(batches, "dtype") or not isinstance(batches, Iterable):
        raise ValueError("y is missing: give fit(x, y), or an iterable of (x, y) batches")
    if network.built:
        return batches
    iterator = iter(batches)
    first = next(iterator, None)
    if first is None:
        raise ValueError("the iterable of batches is empty")
    check_batch(network, loss, first, 0)
    return itertools.chain([first], iterator) if iterator is batches else batches


def check_weights(weights: Any, rows: int, dtype: Any) -> np.ndarray | None:
    """Return the weights of the rows as floats of the model's dtype; None if there are none.

    Raises
    ------
    ValueError
        If there is not one for each row, or one is negative, NaN or infinite, or all are 0.
    """
    if weights is None:
        return None
    checked = _as_numbers(to_numpy(weights), "sample_weight")
    if checked.shape != (rows,) or checked.dtype.kind not in "biuf":
        raise ValueError(
            f"sample_weight has shape {checked.shape} and dtype {checked.dtype}; expected a number "
            f"for each of {rows} rows"
        )
    with np.errstate(over="ignore"):  # what is finite in float64 may not be in float32
        checked = np.ascontiguousarray(checked, dtype)
    if not np.isfinite(checked).all() or (checked < 0).any() or not checked.any():
        raise ValueError(
            f"sample_weight must be finite in {np.dtype(dtype)}, nowhere below 0 and somewhere "
            "above it"
        )
    return checked


def split_off(share: float, *arrays: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return the first rows of each array, and the last ones, which are the given share of them.

    Raises
    ------
    ValueError
        If the share is outside [0, 1), or leaves one of the two empty.
    """
    if not 0 <= share < 1:
        raise ValueError(f"validation_split={share!r} must be at least 0 and below 1")
    if arrays[1] is None:
        raise ValueError("validation_split needs arrays x and y, not a stream of batches")
    whole = [a if is_cupy(a) or a is None else np.asanyarray(a) for a in arrays]
    rows = len(whole[0])
    kept = rows - int(rows * share)
    if kept == rows:
        raise ValueError(f"validation_split={share!r} of {rows} rows is not even one row")
    if rows != len(whole[1]):
        raise ValueError(f"{rows} inputs but targets of shape {whole[1].shape}: they must pair up")

    def part(chosen: slice) -> tuple[Any, ...]:
        return tuple(None if a is None else a[chosen] for a in whole)

    return part(slice(kept)), part(slice(kept, None))


def check_ending(network: Network, loss: Loss) -> None:
    """See that the loss takes what the last layer gives.

    Raises
    ------
    ValueError
        If a loss of probabilities meets a last layer that gives other numbers.

    Warns
    -----
    UserWarning
        If a softmax meets the loss of independent probabilities, or sigmoids that of classes.
    """
    last = network.layers[-1] if network.layers else None
    if last is None or not loss.fused_activation or not is_kernels_only(last.forward):
        return  # what a layer of the user's own gives is not known
    if last.activation not in ("softmax", "sigmoid"):
        raise ValueError(
            f"{loss.name} takes probabilities, but the last layer {last.name!r} ends with "
            f"{last.activation!r}: give it the activation {loss.fused_activation!r}, or use 'mse'"
        )
    if last.activation == loss.fused_activation:
        return
    if last.activation == "softmax":
        mismatch = "a softmax, whose outputs sum to one"
        remedy = "'sigmoid' for independent labels, or categorical_crossentropy for one class a row"
    else:
        mismatch = "sigmoids, which need not sum to one"
        remedy = "'softmax' for one class a row, or binary_crossentropy for independent labels"
    warnings.warn(
        f"the last layer {last.name!r} ends with {mismatch}, but the loss is {loss.name}: use "
        f"{remedy}",
        UserWarning,
        stacklevel=3,
    )


def build_or_check(network: Network, x: Array) -> None:
    """Build the network for inputs like x, or raise a ValueError if it was built for others."""
    if not network.built:
        network.build(x.shape[1:])
    given, wanted = x.shape[1:], network.input_shape
    if not _hold_the_same(given, wanted):
        hint = ": put channels first with x.transpose(0, 3, 1, 2)"
        is_last = len(given) == 3 and (given[2], *given[:2]) == wanted
        raise ValueError(
            f"inputs have shape {x.shape}, so {given} each, but the model was built for {wanted}"
            + (hint if is_last else "")
        )


def _hold_the_same(given: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether one shape is the other, laid out flat or with axes of length 1 put in or left out."""
    if math.prod(given) != math.prod(wanted):
        return False
    long = [tuple(size for size in shape if size != 1) for shape in (given, wanted)]
    return long[0] == long[1] or min(map(len, long)) <= 1


def _as_numbers(x: Any, what: str) -> np.ndarray:
    """Return an array; objects, as of a frame with columns of several types, become float64.

    Raises
    ------
    ValueError
        If it is a sparse matrix, or one of the objects is no number.
    """
    if hasattr(x, "toarray") and hasattr(x, "nnz"):
        raise ValueError(f"{what} are a sparse {type(x).__name__}: give them as .toarray()")
    array: np.ndarray = np.asarray(x)
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


def _require_within(x: np.ndarray, dtype: np.dtype[Any]) -> None:
    """Raise a ValueError if numbers are too large for a model of a narrower dtype."""
    limit = float(np.finfo(dtype if dtype.kind == "f" else np.float32).max)  # bfloat16's, nearly
    largest = np.iinfo(x.dtype).max if x.dtype.kind in "iu" else np.finfo(x.dtype).max
    if float(largest) > limit and not -limit <= x.min() <= x.max() <= limit:
        raise ValueError(
            f"inputs run from {x.min():.6g} to {x.max():.6g}, but the model's {dtype} holds "
            f"nothing beyond {limit:.6g}: bring them to another scale"
        )


def _require_finite(x: np.ndarray) -> None:
    """Raise a ValueError naming the first row with NaN or infinity in it."""
    matrix = x.reshape(len(x), math.prod(x.shape[1:]))
    # What is not finite spoils a sum. No product by BLAS: its threads would spin beside training's.
    with np.errstate(all="ignore"):
        if np.isfinite(matrix.sum()):
            return
        sums = matrix.sum(axis=1)
    for row in np.flatnonzero(~np.isfinite(sums)):
        if not np.isfinite(matrix[row]).all():
            raise ValueError(
                f"inputs contain NaN or infinity, first in row {row}: remove or replace them"
            )
