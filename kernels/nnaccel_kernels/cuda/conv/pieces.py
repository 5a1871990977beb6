"""Images in pieces of 128 bits, neighbouring channels of a pixel, as tensor cores need them."""

from __future__ import annotations

from typing import Any

from nnaccel_kernels.cuda.conv.patches import has_vectors
from nnaccel_kernels.cuda.copy import copy
from nnaccel_kernels.cuda.runtime.namespace import namespace_of
from nnaccel_kernels.cuda.runtime.tensor_cores import PIECE_BYTES, suits_tensor_cores


def uses_tensor_cores(image: Any, groups: int) -> bool:
    """Whether the device has them for images, whose groups of channels make whole pieces."""
    whole = groups == 1 or image.shape[1] // groups % piece(image) == 0
    return whole and suits_tensor_cores(image.dtype)


def piece(image: Any) -> int:
    """Channels in a piece that is copied for tensor cores."""
    return PIECE_BYTES // int(image.itemsize)


def in_pieces(image: Any, channels: int) -> Any:
    """An image, or a copy that is channels-last and filled up with zeros to `channels` channels."""
    n, own, height, width = image.shape
    if own >= channels and has_vectors(image, channels, piece(image)):
        return image
    shape, xp = (n, height, width, max(own, channels)), namespace_of(image)
    filled = (xp.zeros if own < channels else xp.empty)(shape, image.dtype).transpose(0, 3, 1, 2)
    copy(image, filled[:, :own])
    return filled
