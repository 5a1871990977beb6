"""Callbacks from functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nnaccel._validate import unknown_name
from nnaccel.training.callbacks._base import HOOKS, Callback

__all__ = ["LambdaCallback"]


class LambdaCallback(Callback):
    """A callback made of functions.

    Parameters
    ----------
    **hooks : callable
        Functions by the name of a hook of `Callback`, with its arguments.

    Raises
    ------
    ValueError
        If there is no hook of that name.
    TypeError
        If a hook cannot be called.

    Examples
    --------
    >>> callback = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))
    >>> callback.on_epoch_end(0, {"loss": 0.5})
    0 0.5
    """

    def __init__(self, **hooks: Callable[..., Any]) -> None:
        for name, function in hooks.items():
            if name not in HOOKS:
                raise ValueError(unknown_name("hook", name, HOOKS))
            if not callable(function):
                raise TypeError(f"{name} must be a function, not {type(function).__name__}")
            setattr(self, name, function)
