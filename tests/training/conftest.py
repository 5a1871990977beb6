"""Tests of training run over the fake CuPy too, where they ask for it."""

from ..fake_cupy import fake_cupy  # noqa: F401
