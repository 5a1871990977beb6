"""Weight penalties, added to the loss."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real

from nnaccel import _validate

__all__ = ["L1", "L1L2", "L2", "Penalty"]


@dataclass(frozen=True)
class Penalty:
    """The elastic penalty ``l1 * sum(|w|) + l2 * sum(w**2)`` on a layer's weights.

    Parameters
    ----------
    l1 : float, default 0
        Weight of the sum of absolute values (the lasso).
    l2 : float, default 0
        Weight of the sum of squares (ridge).

    Raises
    ------
    ValueError
        If a weight is negative or not finite.

    References
    ----------
    Zou and Hastie, "Regularization and variable selection via the elastic net", JRSS B 67, 2005.

    Examples
    --------
    >>> L1L2(l1=1e-5, l2=1e-4)
    Penalty(l1=1e-05, l2=0.0001)
    """

    l1: float = 0.0
    l2: float = 0.0

    def __post_init__(self) -> None:
        for name, value in (("l1", self.l1), ("l2", self.l2)):
            if not isinstance(value, Real) or not 0 <= value < math.inf:
                raise ValueError(f"{name}={value!r} must be a number, at least 0 and finite")

    def __bool__(self) -> bool:
        return bool(self.l1 or self.l2)


def L1(l1: float = 0.01) -> Penalty:
    """Return the penalty ``l1 * sum(|w|)``."""
    return Penalty(l1=l1)


def L2(l2: float = 0.01) -> Penalty:
    """Return the penalty ``l2 * sum(w**2)``."""
    return Penalty(l2=l2)


def L1L2(l1: float = 0.0, l2: float = 0.0) -> Penalty:
    """Return the elastic penalty ``l1 * sum(|w|) + l2 * sum(w**2)``."""
    return Penalty(l1, l2)


def get(penalty: Penalty | str | dict[str, float] | None) -> Penalty:
    """Return a penalty from its name ('l1', 'l2', 'l1_l2'), its fields, None, or the object."""
    named = {"l1": L1(), "l2": L2(), "l1_l2": L1L2(0.01, 0.01)}
    if penalty is None:
        return Penalty()
    if isinstance(penalty, str):
        if penalty not in named:
            raise ValueError(_validate.unknown_name("penalty", penalty, list(named)))
        return named[penalty]
    if isinstance(penalty, dict):
        return Penalty(**_validate.fields_of("penalty", Penalty, penalty))
    if not isinstance(penalty, Penalty):
        raise TypeError(f"penalty must be a Penalty, a name or None, not {type(penalty).__name__}")
    return penalty
