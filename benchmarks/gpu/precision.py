"""The precisions that networks are trained in on a GPU."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.gpu import pytorch


@dataclass(frozen=True)
class Precision:
    """How numbers are rounded in training.

    Attributes
    ----------
    name : str
        In the report.
    tolerance : float
        Relative error allowed in what two batches teach.
    dtype : str
        Of a model in nnaccel.
    half : str
        PyTorch's dtype of activations, under autocast; empty without.
    tf32 : bool
        Whether products round factors of float32 to TF32.
    """

    name: str
    tolerance: float
    dtype: str = "float32"
    half: str = ""
    tf32: bool = False

    @property
    def scales_loss(self) -> bool:
        """Whether gradients are scaled, since they would vanish."""
        return self.half == "float16"

    @contextlib.contextmanager
    def settings(self) -> Iterator[None]:
        """Let both libraries' products round to TF32, or not."""
        cuda = importlib.import_module("nnaccel_kernels.cuda")
        cuda.set_tf32(self.tf32)
        try:
            with pytorch.settings(self.tf32):
                yield
        finally:
            cuda.set_tf32(False)


# Rounding puts a unit that is nearly zero on its other side, and its gradient is another then; the
# fewer bits, the more of them. TF32 and float16 keep 11, bfloat16 8.
FLOAT32 = Precision("float32", 1e-3)
TF32 = Precision("TF32", 0.1, tf32=True)
FLOAT16 = Precision("float16", 0.1, "mixed_float16", "float16")
BFLOAT16 = Precision("bfloat16", 0.3, "mixed_bfloat16", "bfloat16")
