"""Constraints on weights, kept after every update."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any

from nnaccel import _validate
from nnaccel.ops import _check

__all__ = ["Constraint", "MaxNorm", "NonNegative"]


@dataclass(frozen=True)
class Constraint:
    """What a layer's weights are projected onto after every update.

    Parameters
    ----------
    max_norm : float, default infinity
        Largest Euclidean norm of the weights into one unit, or of one filter.
    non_negative : bool, default False
        Whether negative weights become 0.

    Raises
    ------
    ValueError
        If `max_norm` is no number above 0.

    References
    ----------
    Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15,
    2014, section 5.1 (max-norm).

    Examples
    --------
    >>> MaxNorm(3.0)
    Constraint(max_norm=3.0, non_negative=False)
    """

    max_norm: float = math.inf
    non_negative: bool = False

    def __post_init__(self) -> None:
        _check.flag("non_negative", self.non_negative)
        if not isinstance(self.max_norm, Real) or not self.max_norm > 0:
            raise ValueError(f"max_norm={self.max_norm!r} must be above 0")
        object.__setattr__(self, "max_norm", float(self.max_norm))  # of NumPy's numbers too

    def __bool__(self) -> bool:
        return self.non_negative or self.max_norm < math.inf

    def config(self) -> dict[str, Any]:
        """Return the fields that constrain, as JSON values."""
        return {k: v for k, v in vars(self).items() if v not in (math.inf, False)}

    def __str__(self) -> str:
        """Return it in words, for tables."""
        parts = ["not negative"] * self.non_negative
        if self.max_norm < math.inf:
            parts.append(f"norm ≤ {self.max_norm:g}")
        return ", ".join(parts)


def MaxNorm(max_norm: float = 2.0) -> Constraint:  # noqa: N802
    """Return the constraint that no unit's weights have a Euclidean norm above `max_norm`."""
    return Constraint(max_norm=max_norm)


def NonNegative() -> Constraint:  # noqa: N802
    """Return the constraint that no weight is negative."""
    return Constraint(non_negative=True)


def get(constraint: Constraint | str | dict[str, Any] | None) -> Constraint:
    """Return a constraint from its name, its fields, None, or the object.

    Names are 'max_norm' and 'non_negative'.
    """
    named = {"max_norm": MaxNorm(), "non_negative": NonNegative()}
    if constraint is None:
        return Constraint()
    if isinstance(constraint, str):
        if constraint not in named:
            raise ValueError(_validate.unknown_name("constraint", constraint, list(named)))
        return named[constraint]
    if isinstance(constraint, dict):
        return Constraint(**_validate.fields_of("constraint", Constraint, constraint))
    if not isinstance(constraint, Constraint):
        kind = type(constraint).__name__
        raise TypeError(
            f"constraint must be a Constraint such as nn.MaxNorm(2.0), a name or None, not {kind}"
        )
    return constraint
