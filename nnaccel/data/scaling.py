"""The scale of a table's columns: their means and standard deviations, which become 0 and 1."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scaling:
    """The means that are subtracted from columns, and the scales they are then divided by.

    Attributes
    ----------
    mean, scale : ndarray of float64, shape (features,)
        Of the inputs; where the scale is 0, a column did not vary in training, and becomes 0.
    target_mean, target_scale : float
        Of the values to predict; 0 and 1 where there are classes.

    Examples
    --------
    >>> scaling = Scaling.of(np.array([[1.0, 10.0], [3.0, 10.0]]), np.array([0, 1]))
    >>> scaling.inputs(np.array([[3.0, 12.0]])).tolist()
    [[1.0, 0.0]]
    """

    mean: Floats
    scale: Floats
    target_mean: float = 0.0
    target_scale: float = 1.0

    @classmethod
    def of(cls, x: NDArray[Any], y: NDArray[Any], kept: Sequence[bool] | None = None) -> Self:
        """Mean and standard deviation of each column but those that are `kept` as they are.

        Values to predict, which are floats, are scaled as the inputs are; labels are not.
        """
        mean, scale = _moments(x)
        if kept is not None:
            mean[list(kept)], scale[list(kept)] = 0.0, 1.0
        if y.dtype.kind != "f":
            return cls(mean, scale)
        (target_mean,), (target_scale,) = _moments(y[:, None])
        return cls(mean, scale, float(target_mean), float(target_scale) or 1.0)

    def inputs(self, x: NDArray[Any]) -> NDArray[np.float32]:
        """Scale inputs; images are laid out flat, and their bytes taken over 255, as models do.

        Raises
        ------
        ValueError
            If they have another number of columns.
        """
        flat = x.reshape(len(x), math.prod(x.shape[1:]))
        if flat.shape[1:] != self.mean.shape:
            raise ValueError(
                f"inputs have shape {x.shape}; the model was trained on {len(self.mean)} columns"
            )
        if x.dtype == np.uint8:
            flat = flat / 255
        scaled = np.zeros(flat.shape)
        np.divide(flat - self.mean, self.scale, out=scaled, where=self.scale > 0)
        return scaled.astype(np.float32)

    def targets(self, y: NDArray[Any]) -> NDArray[Any]:
        """Scale values to predict; labels stay as they are."""
        if y.dtype.kind != "f":
            return y
        return ((y - self.target_mean) / self.target_scale).astype(np.float32)

    def unscaled(self, outputs: NDArray[Any]) -> Floats:
        """Predicted values in the target's own unit."""
        return np.asarray(outputs, np.float64) * self.target_scale + self.target_mean

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return {
            "mean": self.mean.tolist(),
            "scale": self.scale.tolist(),
            "target": [self.target_mean, self.target_scale],
        }

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Self:
        """Undo `as_dict`; a ValueError or TypeError if something is not what that gives."""
        mean, scale = (np.array(kept[name], np.float64) for name in ("mean", "scale"))
        target_mean, target_scale = map(float, kept["target"])
        numbers = [*mean, *scale, target_mean, target_scale]
        if mean.ndim != 1 or mean.shape != scale.shape or not np.isfinite(numbers).all():
            raise ValueError("a table's columns must have finite means and as many finite scales")
        if (scale < 0).any() or target_scale <= 0:
            raise ValueError("a table's columns have a scale below 0")
        return cls(mean, scale, target_mean, target_scale)


def _moments(x: NDArray[Any]) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each column, exactly 0 where it does not vary."""
    mean = x.mean(0, dtype=np.float64)
    deviation = np.sqrt(((x - mean) ** 2).mean(0))
    return mean, np.where(x.max(0) > x.min(0), deviation, 0.0)
