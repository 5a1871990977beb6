"""The stand-in for cuBLAS, for the tests of this folder."""

from .cublas import library  # noqa: F401
