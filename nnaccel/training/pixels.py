"""Dense prediction: outputs that are images, of which each pixel is a row of loss and metrics."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from nnaccel.backends import Array, Backend
from nnaccel.layers import Shape
from nnaccel.ops import _memory
from nnaccel.training.losses import Loss
from nnaccel.training.targets import as_labels, encode_targets, require_numbers

_HINT = "; a pixel without one takes the label 0, and the weight 0 in sample_weight of shape {}"


def pixels_of(output_shape: Shape) -> int:
    """Return how many rows of loss and metrics an output counts for: its pixels, or 1."""
    return math.prod(output_shape[1:])


def encode_maps(loss: Loss, y: np.ndarray, output_shape: Shape, dtype: Any) -> np.ndarray:
    """Return maps of targets, checked against the loss, pixel by pixel.

    Parameters
    ----------
    loss : Loss
    y : array, shape (N, H, W), (N, 1, H, W) or (N, C, H, W)
        Labels of pixels, or numbers for each channel of each pixel.
    output_shape : (C, H, W)
        Of the model.
    dtype : dtype
        Of the model.

    Returns
    -------
    array
        Labels (N, pixels), as small integers, or floats (N, pixels * C).

    Raises
    ------
    ValueError
        As `encode_targets`, for each pixel.
    """
    classes, *size = output_shape
    require_numbers(y)
    if y.shape[1:] in ((*size,), (1, *size)) and classes > 1:
        try:
            maps = y.reshape(len(y), *size)
            labels = as_labels(maps, classes, np.min_scalar_type(classes - 1))
        except ValueError as error:
            raise ValueError(str(error) + _HINT.format((len(y), *size))) from None
        return labels.reshape(len(y), -1)
    if y.shape[1:] == (*size,):
        y = y[:, None]
    if y.shape[1:] != output_shape:
        wanted = ("N", *output_shape), ("N", *size)
        listed = " or ".join(f"({', '.join(map(str, shape))})" for shape in wanted)
        is_last = y.shape[1:] in ((*size, 1), (*size, classes))
        hint = ". To fix: put channels first with y.transpose(0, 3, 1, 2)" if is_last else ""
        raise ValueError(
            f"targets have shape {y.shape}; for a model whose outputs are images {output_shape} "
            f"expected {listed}, a label for each pixel{hint}"
        )
    rows = y.transpose(0, 2, 3, 1).reshape(-1, classes)
    return encode_targets(loss, rows, classes, dtype).reshape(len(y), -1)


def pixel_rows(backend: Backend, outputs: Array) -> tuple[Array, Callable[[Array], Array]]:
    """Return outputs with a row for each pixel, and a function that shapes gradients back.

    Parameters
    ----------
    backend : Backend
    outputs : array, shape (N, C) or (N, C, H, W)
        Plain rows are as they are; images that are channels-last are not copied.
    """
    if outputs.ndim == 2:
        return outputs, lambda gradient: gradient
    n, channels, *size = outputs.shape
    stored = outputs.transpose(0, 2, 3, 1)
    if not stored.flags.c_contiguous:
        copied = _memory.empty(backend, outputs.shape, outputs.dtype, channels_last=True)
        backend.kernels.copy(outputs, copied)
        stored = copied.transpose(0, 2, 3, 1)
    rows = stored.reshape(n * math.prod(size), channels)
    return rows, lambda gradient: gradient.reshape(n, *size, channels).transpose(0, 3, 1, 2)
