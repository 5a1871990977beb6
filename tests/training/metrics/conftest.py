"""Tests of metrics run over the fake CuPy too."""

from ...fake_cupy import backend, fake_cupy  # noqa: F401
