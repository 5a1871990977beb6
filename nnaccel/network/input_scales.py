"""The scales of several inputs."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, Self

from nnaccel.layers._several import Several
from nnaccel.network.input_scale import InputScale


class InputScales:
    """An `InputScale` for each of several inputs, with methods of the same names.

    Attributes
    ----------
    scales : list of InputScale
    """

    def __init__(self, scales: Sequence[InputScale]) -> None:
        self.scales = list(scales)

    def __copy__(self) -> InputScales:
        return InputScales([copy.copy(scale) for scale in self.scales])

    def learn(self, x: Several, input_shape: Any, more: bool = False) -> None:
        """As `InputScale.learn`, for each."""
        for scale, part, shape in zip(self.scales, x, input_shape, strict=True):
            scale.learn(part, shape, more)

    def checked(self, x: Several, input_shape: Any) -> tuple[float, ...]:
        """Return the factor of each input, as `InputScale.checked`."""
        return self._each(InputScale.checked, x, input_shape)

    def factor_of(self, x: Several, input_shape: Any) -> tuple[float, ...]:
        """Return the factor of each input, as `InputScale.factor_of`."""
        return self._each(InputScale.factor_of, x, input_shape)

    def _each(self, method: Callable[..., float], x: Several, shapes: Any) -> tuple[float, ...]:
        every = zip(self.scales, x, shapes, strict=True)
        return tuple(method(scale, part, shape) for scale, part, shape in every)

    @property
    def largest(self) -> float | None:
        """Largest magnitude of training's inputs; None if that of any is unknown."""
        known = [scale.largest for scale in self.scales]
        return None if None in known else max(filter(None, known), default=0.0)

    def description(self) -> list[dict[str, Any]]:
        """Return the settings as JSON values."""
        return [scale.description() for scale in self.scales]

    @classmethod
    def from_description(cls, described: Any) -> Self:
        """Return the scales that `description` described; ValueError if it is no such thing."""
        if not isinstance(described, list):
            raise ValueError(f"input_scale={described!r} must be a list, a scale for each input")
        return cls([InputScale.from_description(each) for each in described])
