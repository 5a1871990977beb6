"""The array library of an array."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np


def namespace_of(x: Any) -> Any:
    """Return NumPy or CuPy, the module of the array x."""
    return np if isinstance(x, np.ndarray) else sys.modules[type(x).__module__.partition(".")[0]]
