"""The base class of cross-entropies: of probabilities or of logits, with smoothed targets."""

from __future__ import annotations

from typing import Any, ClassVar

from nnaccel._validate import check_range
from nnaccel.backends import Array, backend_of, kernels_only
from nnaccel.training.losses._base import KernelLoss


class Crossentropy(KernelLoss):
    """A cross-entropy that one kernel computes from probabilities, another from logits."""

    kernel_names: ClassVar[tuple[str, str]]  # of probabilities, of logits

    def __init__(self, from_logits: bool = False, label_smoothing: float = 0.0) -> None:
        if not isinstance(from_logits, bool):
            raise ValueError(f"from_logits={from_logits!r} must be True or False")
        check_range("label_smoothing", label_smoothing, 0, 1)
        self.from_logits, self.label_smoothing = from_logits, float(label_smoothing)

    @kernels_only
    def fill(
        self,
        kernels: Any,
        outputs: Array,
        targets: Array,
        fused: bool,
        losses: Array,
        gradient: Array,
    ) -> None:
        """As `KernelLoss.fill`."""
        if self.label_smoothing:
            even = 0.5 if self.takes == "probabilities" else 1 / outputs.shape[1]
            smoothed = backend_of(targets).empty(targets.shape, targets.dtype)
            kernels.smooth_targets(targets, self.label_smoothing, even, smoothed)
            targets = smoothed
        kernel = self.kernel_names[fused or self.from_logits]
        getattr(kernels, kernel)(outputs, targets, losses, gradient)
