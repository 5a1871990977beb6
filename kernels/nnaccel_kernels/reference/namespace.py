"""The functions of the array API standard, of the library that an array comes from.

https://data-apis.org/array-api/2024.12
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np


def namespace(x: Any) -> Any:
    """Array namespace of x: its library's own, or array-api-compat's wrapper of the library."""
    if isinstance(x, np.ndarray):
        return np
    if hasattr(x, "__array_namespace__"):
        return x.__array_namespace__()
    from array_api_compat import array_namespace

    return array_namespace(x)


def widest(x: Any) -> Any:
    """float64, or float32 where the device of x has no such thing."""
    return np.float64 if isinstance(x, np.ndarray) else _widest(namespace(x), x.device)


@functools.cache
def _widest(xp: Any, device: Any) -> Any:
    return xp.__array_namespace_info__().dtypes(device=device).get("float64", xp.float32)


def array_like(x: Any, values: Any, dtype: Any = None) -> Any:
    """Nested lists or a NumPy array as an array of x's library, on x's device."""
    return namespace(x).asarray(values, dtype=dtype, device=x.device)


def matmul(x: Any, w: Any, out: Any) -> None:
    """out = x @ w, without a copy where the library's function can write into an array."""
    try:
        namespace(x).matmul(x, w, out=out)
    except TypeError:  # the standard's function has no such argument
        out[...] = x @ w
