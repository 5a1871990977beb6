"""Images in the form that convolutions take: (H, W), or (C, H, W) with the channels first."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nnaccel.data import Dataset

#: More channels than these are no colours.
_MAX_COLOURS = 4


def size(data: Dataset, model: str) -> tuple[int, int]:
    """Height and width of the images; ValueError if the data are none."""
    shape = data.x.shape[1:]
    if len(shape) not in (2, 3):
        what = " × ".join(map(str, shape))
        raise ValueError(
            f"{data.name} holds rows of {what} numbers, not images, which --model {model} is for: "
            "leave that out"
        )
    return shape[-2], shape[-1]


def channels_first(data: Dataset) -> Dataset:
    """Return the data with colours before rows and columns, if they are stored after them."""
    shape = data.x.shape[1:]
    if len(shape) != 3 or shape[2] > _MAX_COLOURS or shape[0] <= _MAX_COLOURS:
        return data
    x, x_test = (np.ascontiguousarray(np.moveaxis(a, -1, 1)) for a in (data.x, data.x_test))
    return replace(data, x=x, x_test=x_test)


def fitted(data: Dataset, input_shape: tuple[int, ...]) -> Dataset:
    """Return the data in the form that a model was trained on, if that is the other one."""
    turned = channels_first(data)
    return turned if turned.x.shape[1:] == input_shape else data
