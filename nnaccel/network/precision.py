"""Dtype policies, as in Keras: the dtype of parameters and the dtype of activations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nnaccel.backends import Array, Backend
from nnaccel.ops import _memory

_WHOLE = "float32", "float64"
_MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}
POLICIES = (*_WHOLE, *_MIXED)


@dataclass(frozen=True)
class Policy:
    """A model's dtype policy.

    Attributes
    ----------
    name : str
        'float32', 'float64', 'mixed_float16' or 'mixed_bfloat16'. Mixed policies use 16 bits for
        the activations before the last layer with parameters, and float32 for that layer, for
        parameters, losses and the optimiser.

    References
    ----------
    P. Micikevicius et al., "Mixed precision training", ICLR 2018.
    """

    name: str

    @classmethod
    def of(cls, dtype: Any) -> Policy:
        """Return the policy of a name or a dtype.

        Raises
        ------
        ValueError
            If it is unknown; the message lists the known ones.

        Examples
        --------
        >>> Policy.of("mixed_float16").dtype
        dtype('float32')
        """
        if isinstance(dtype, str) and dtype in POLICIES:
            return cls(dtype)
        for name in _WHOLE:
            if dtype is not None and dtype == np.dtype(name):
                return cls(name)
        text, hint = str(dtype).lower(), ""
        if "16" in text or "half" in text:
            hint = f" For 16 bits take 'mixed_{'b' * text.startswith('b')}float16'."
        raise ValueError(f"unknown dtype {dtype!r}: choose one of {', '.join(POLICIES)}.{hint}")

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of parameters, losses and outputs."""
        return np.dtype("float64" if self.name == "float64" else "float32")

    @property
    def is_mixed(self) -> bool:
        """Whether activations may have another dtype than parameters."""
        return self.name in _MIXED

    @property
    def scales_loss(self) -> bool:
        """Whether the loss is scaled: float16 gradients below 6e-8 would become 0."""
        return self.name == "mixed_float16"

    def check(self, backend: Backend) -> None:
        """Raise a TypeError if this is float64 and the backend has no such arrays."""
        if self.dtype == np.float64 and not backend.doubles:
            raise TypeError(
                f"a model of float64 cannot be on backend {backend.name!r}, whose device has none. "
                "To fix: make it with dtype='float32', or take another backend"
            )

    def compute_dtype(self, backend: Backend) -> np.dtype[Any]:
        """Return the dtype of activations: 16 bits only where the backend supports them.

        Raises
        ------
        RuntimeError
            If it is bfloat16 and ml_dtypes, which adds it to NumPy, is not installed.
        """
        if not self.is_mixed or not backend.halves:
            return self.dtype
        if self.name == "mixed_float16":
            return np.dtype(np.float16)
        try:
            from ml_dtypes import bfloat16
        except ImportError as error:
            raise RuntimeError(
                "dtype='mixed_bfloat16' needs ml_dtypes: pip install ml_dtypes"
            ) from error
        dtype: np.dtype[Any] = np.dtype(bfloat16)
        return dtype


def cast(backend: Backend, a: Array, dtype: np.dtype[Any]) -> Array:
    """Return `a` as `dtype`, in its memory order; `a` itself if it has that dtype."""
    if a.dtype == dtype:
        return a
    converted = _memory.empty(backend, a.shape, dtype, _memory.is_channels_last(a))
    stored = _memory.as_stored(a), _memory.as_stored(converted)
    backend.kernels.activate("linear", 0.0, *stored)
    return converted
