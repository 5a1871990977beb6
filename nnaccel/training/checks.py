"""Checks of training data: arrays and their weights, and streams of batches."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from types import NoneType
from typing import Any

import numpy as np

from nnaccel.backends import Array
from nnaccel.layers import Shape
from nnaccel.layers._several import Several
from nnaccel.network.chain import Network
from nnaccel.training.class_weights import weigh_rows
from nnaccel.training.inputs import (
    as_numbers,
    build_or_check,
    hint_of_tuple,
    sliceable,
    take_inputs,
)
from nnaccel.training.losses import Loss
from nnaccel.training.pixels import encode_maps
from nnaccel.training.streams import as_iterable
from nnaccel.training.targets import encode_targets


def check_pair(network: Network, loss: Loss, x: Any, y: Any) -> tuple[Array, np.ndarray]:
    """Return inputs and targets for a `BatchLoader`; build the network if needed.

    Raises
    ------
    ValueError
        If they do not fit each other or the model, which is not built then.
    """
    hint = hint_of_tuple(network, x)
    x, y = take_inputs(network, x), as_numbers(y, "targets")
    if y.ndim == 0 or len(x) != len(y):
        raise ValueError(f"{len(x)} inputs but targets of shape {y.shape}: they must pair up{hint}")
    output_shape = network.output_shape if network.built else network.infer_shapes(x.shape[1:])[-1]
    if len(output_shape) not in (1, 3):
        raise ValueError(
            f"the model's outputs have shape {output_shape}; expected one axis, or images "
            "(C, H, W). To fix: end it with Flatten or Dense"
        )
    if len(output_shape) == 3:
        targets = encode_maps(loss, y, output_shape, network.dtype)
    else:
        targets = encode_targets(loss, y, output_shape[0], network.dtype)
    build_or_check(network, x)
    return x, targets


def check_batch(
    network: Network, loss: Loss, batch: Any, number: int, class_weight: Any = None
) -> tuple[Array, np.ndarray, np.ndarray | None]:
    """Return inputs, targets and weights of batch `number` of a stream, counted from 0."""
    if not isinstance(batch, (tuple, list)) or len(batch) not in (2, 3):
        raise ValueError(
            f"batch {number + 1} is of type {type(batch).__name__}; expected (x, y) or "
            f"(x, y, sample_weight){_hint_of_flat(network, batch)}"
        )
    try:
        return check_weighted(network, loss, batch, class_weight)
    except ValueError as error:
        hint = _hint_of_flat(network, batch)
        raise ValueError(f"batch {number + 1}: {error}{hint}") from None


def _hint_of_flat(network: Network, batch: Any) -> str:
    """Return what to add to an error where several inputs may be laid beside y; else ''."""
    if not network.takes_several or not isinstance(batch, (tuple, list)) or len(batch) < 3:
        return ""
    if isinstance(batch[0], (tuple, list)):
        return ""
    inputs = ", ".join(f"x{number}" for number in range(1, len(batch)))
    return f". Several inputs are a tuple within the batch: (({inputs}), y)"


def check_weighted(
    network: Network, loss: Loss, data: Sequence[Any], class_weight: Any = None
) -> tuple[Array, np.ndarray, np.ndarray | None]:
    """Return inputs, targets and weights of rows; build the network if needed.

    Parameters
    ----------
    network : Network
    loss : Loss
    data : (x, y) or (x, y, sample_weight)
    class_weight : dict or 'balanced', optional
        As for `weigh_rows`.

    Raises
    ------
    ValueError
        As `check_pair`, `check_weights` and `weigh_rows`.
    """
    x, targets = check_pair(network, loss, *data[:2])
    given = data[2] if len(data) == 3 else None
    units, *size = network.output_shape
    weights = check_weights(given, (len(x), *size), network.dtype)
    return x, targets, weigh_rows(class_weight, targets, weights, units, network.dtype)


def open_stream(
    network: Network,
    loss: Loss,
    batches: Any,
    steps: int | None = None,
    class_weight: Any = None,
) -> Iterable[Any]:
    """Return the iterable of batches; build the network from the first batch, which is kept.

    Raises
    ------
    ValueError
        If it is no iterable of pairs (x, y), is empty, or never ends and `steps` is None.
    """
    given = as_iterable(batches, steps)
    if network.built:
        return given
    iterator = iter(given)
    first = next(iterator, None)
    if first is None:
        raise ValueError("the iterable of batches is empty; a generator runs only once")
    check_batch(network, loss, first, 0, class_weight)
    return itertools.chain([first], iterator) if iterator is given else given


def refuse_weights(weights: Any, class_weight: Any = None) -> None:
    """Raise a ValueError for weights that a stream of batches cannot have."""
    if weights is not None:
        raise ValueError(
            "sample_weight needs arrays x and y. To fix: give batches (x, y, sample_weight)"
        )
    if class_weight == "balanced":
        raise ValueError(
            "class_weight='balanced' counts the classes of all rows, so it needs arrays x and y. "
            "To fix: give the weights, as in {0: 1.0, 1: 5.0}"
        )


def check_weights(weights: Any, shape: Shape, dtype: Any) -> np.ndarray | None:
    """Return the weights of rows in the model's dtype; None for None.

    Parameters
    ----------
    weights : array_like, shape (N,), or (N, H, W) for outputs that are images
    shape : (N,) or (N, H, W)
        How many rows, or pixels of maps, the outputs have.
    dtype : dtype

    Returns
    -------
    array, shape (N,), or (N, H * W) for outputs that are images

    Raises
    ------
    ValueError
        If their shape is another, or one is negative, NaN or infinite, or all are 0.
    """
    if weights is None:
        return None
    checked = as_numbers(weights, "sample_weight")
    if checked.shape not in (shape, shape[:1]) or checked.dtype.kind not in "biuf":
        raise ValueError(
            f"sample_weight has shape {checked.shape} and dtype {checked.dtype}; expected a number "
            f"for each of {shape[0]} rows" + (f", or for each pixel, {shape}" * (len(shape) > 1))
        )
    with np.errstate(over="ignore"):  # a finite float64 may be infinite in float32
        checked = np.ascontiguousarray(checked, dtype)
    if not np.isfinite(checked).all() or (checked < 0).any() or not checked.any():
        raise ValueError(
            f"sample_weight must be finite in {np.dtype(dtype)}, without negative numbers, and not "
            "0 everywhere"
        )
    if len(shape) == 1:
        return checked
    checked = checked.reshape(len(checked), -1)
    return np.ascontiguousarray(np.broadcast_to(checked, (shape[0], math.prod(shape[1:]))))


def split_validation(share: float, *arrays: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Split arrays into the first rows, for training, and the last `share` of them.

    Raises
    ------
    ValueError
        If the share is outside [0, 1), or is less than one row.
    """
    if not 0 <= share < 1:
        raise ValueError(f"validation_split={share!r} must be at least 0 and below 1")
    if arrays[1] is None:
        raise ValueError("validation_split needs arrays x and y, not a stream of batches")
    as_they_are = NoneType, Several
    names = "inputs", "targets", "sample_weight"
    whole: list[Any] = [
        a if isinstance(a, as_they_are) else sliceable(a, name)
        for name, a in zip(names, arrays, strict=False)
    ]
    rows = len(whole[0])
    kept = rows - int(rows * share)
    if kept == rows:
        raise ValueError(f"validation_split={share!r} of {rows} rows is less than one row")
    if rows != len(whole[1]):
        raise ValueError(f"{rows} inputs but targets of shape {whole[1].shape}: they must pair up")

    def part(chosen: slice) -> tuple[Any, ...]:
        return tuple(None if a is None else a[chosen] for a in whole)

    return part(slice(kept)), part(slice(kept, None))
