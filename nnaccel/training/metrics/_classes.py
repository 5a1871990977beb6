"""Whether targets are classes, one a row."""

from __future__ import annotations

from nnaccel.backends import Array


def are_classes(targets: Array) -> bool:
    """Whether each row sums to one, as one-hot rows and probabilities do."""
    return bool((abs(targets.sum(axis=1) - 1) < 1e-2).all())


def require_classes(name: str, targets: Array, remedy: str) -> None:
    """Raise a ValueError unless each row of targets has one class."""
    if not are_classes(targets):
        raise ValueError(
            f"{name} is of one class a row, but a row of targets has no or several labels. To fix: "
            f"{remedy}"
        )
