"""Tests of products run over the stand-in for cuBLAS."""

from .cublas import library  # noqa: F401
