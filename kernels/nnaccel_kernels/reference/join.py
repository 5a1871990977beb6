"""Joins of branches: sums, products, and channels one after another."""

from __future__ import annotations

from typing import Any

__all__ = ["add", "multiply", "put_channels", "take_channels"]


def add(x: Any, z: Any, y: Any) -> None:
    """y = x + z."""
    y[...] = x + z


def multiply(x: Any, z: Any, y: Any) -> None:
    """y = x * z."""
    y[...] = x * z


def put_channels(x: Any, first: int, y: Any) -> None:
    """y's channels from `first` on = x, for arrays (N, C, ...)."""
    y[:, first : first + x.shape[1], ...] = x


def take_channels(x: Any, first: int, y: Any) -> None:
    """y = as many channels of x, from `first` on, for arrays (N, C, ...)."""
    y[...] = x[:, first : first + y.shape[1], ...]
