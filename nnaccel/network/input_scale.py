"""The scale of inputs: pixels over 255, other numbers as they are, in training as afterwards."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from nnaccel._validate import warn_caller
from nnaccel.backends import Array

_PIXEL = 1.0 / 255.0
#: Numbers looked at to find the largest one: 1 ms, and all of most tables.
_LOOKED_AT = 1 << 20
#: Largest inputs this many times those of training, or of training's divided by it, are unlike it.
_TOO_LARGE, _TOO_SMALL = 10.0, 50.0


@dataclass
class InputScale:
    """What whole numbers are multiplied by, and how large the inputs of training were.

    uint8 images are pixels, and multiplied by 1/255. Other whole numbers, and tables of uint8, are
    taken as they are, unless training took whole numbers otherwise.

    Attributes
    ----------
    factor : float or None
        Of whole numbers in training; None before a training, or after one on floats.
    largest : float or None
        Largest magnitude of training's inputs, after scaling; None if unknown.
    has_warned : bool
        Whether inputs unlike training's were warned of.
    """

    factor: float | None = None
    largest: float | None = None
    has_warned: bool = False

    def learn(self, x: Array, input_shape: tuple[int, ...], more: bool = False) -> None:
        """Become the scale of a model trained on x; warn if x is unlike what it was trained on.

        With `more`, the training is on x and what was learnt before, and x may be unlike that.
        """
        factor, largest = self.factor_of(x, input_shape), _largest(x)
        if not more:
            self.compare(x, input_shape, factor, largest)
        if self.factor is None and x.dtype.kind in "iu" and largest is not None:
            _warn_of_doubt(x, factor, largest)
        if x.dtype.kind in "iu":
            self.factor = factor
        if largest is None or not more:
            self.largest = largest if largest is None else largest * factor
        elif self.largest is not None:
            self.largest = max(self.largest, largest * factor)

    def checked(self, x: Array, input_shape: tuple[int, ...]) -> float:
        """Return the factor for inputs (N, ...) of a model with this input shape.

        Warns
        -----
        UserWarning
            Once, if they are much larger than training's, or much darker images.
        """
        factor = self.factor_of(x, input_shape)
        if self.is_watched:
            self.compare(x, input_shape, factor, _largest(x))
        return factor

    @property
    def is_watched(self) -> bool:
        """Whether inputs unlike training's are still to be warned of."""
        return bool(self.largest) and not self.has_warned

    def compare(
        self, x: Array, input_shape: tuple[int, ...], factor: float, largest: float | None
    ) -> None:
        """Warn, once, if the largest of x, scaled by the factor, is unlike training's."""
        if not self.largest or not largest or self.has_warned:
            return
        scaled, is_image = largest * factor, len(input_shape) > 1 or self.factor == _PIXEL
        if scaled > self.largest * _TOO_LARGE or (is_image and scaled < self.largest / _TOO_SMALL):
            self._warn(x, factor, scaled)

    def factor_of(self, x: Array, input_shape: tuple[int, ...]) -> float:
        """Return what `checked` does, without a look at the numbers."""
        if x.dtype.kind not in "iu":
            return 1.0
        if self.factor is not None:
            return self.factor
        if self.largest is not None and self.largest > _TOO_SMALL:
            return 1.0  # training's floats were not divided by 255 either
        is_image = x.ndim > 2 or len(input_shape) > 1
        return _PIXEL if x.dtype == np.uint8 and is_image else 1.0

    def _warn(self, x: Array, factor: float, largest: float) -> None:
        self.has_warned = True
        divided = " divided by 255" if factor == _PIXEL else ""
        trained = " whole numbers divided by 255" if self.factor == _PIXEL else " inputs"
        warn_caller(
            f"inputs of {x.dtype}{divided} reach {largest:.4g}, but training's{trained} reached "
            f"{self.largest:.4g}: scale them as in training"
        )

    def description(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        described = asdict(self)
        del described["has_warned"]
        return described

    @classmethod
    def from_description(cls, described: Any) -> Self:
        """Return the scale that `description` described.

        Raises
        ------
        ValueError
            If it is no such description.
        """
        if not isinstance(described, Mapping) or set(described) != {"factor", "largest"}:
            raise ValueError(f"input_scale={described!r} must have a factor and a largest input")
        for name, value in described.items():
            is_number = type(value) in (int, float) and 0 <= value < math.inf
            if value is not None and not is_number:
                raise ValueError(f"{name}={value!r} of the inputs must be a number of at least 0")
        return cls(**described)


def _largest(x: Array) -> float | None:
    """Return the largest magnitude among rows spread over x; None for arrays on a device."""
    if not isinstance(x, np.ndarray):
        return None
    seen = x[:: max(1, x.size // _LOOKED_AT)]
    return max(float(seen.max()), -float(seen.min()))


def _warn_of_doubt(x: Array, factor: float, largest: float) -> None:
    """Warn of whole numbers that may be pixels, and of images that may be none."""
    if factor == 1 and largest > 127 and (x.ndim > 2 or (x.shape[1] >= 64 and x.dtype == np.uint8)):
        what = "images" if x.ndim > 2 else "rows"
        warn_caller(
            f"inputs are {what} of {x.dtype}, {x.shape}, taken as numbers up to {largest:.0f}. If "
            "they are pixels: give images (N, H, W) of uint8, or divide by 255"
        )
    if factor == _PIXEL and 0 < largest < 32:
        warn_caller(
            f"inputs are images of uint8, {x.shape}, and divided by 255, but reach only "
            f"{largest:.0f}. If they are not pixels from 0 to 255: give floats"
        )
