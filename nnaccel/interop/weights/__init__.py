"""Weights trained in PyTorch or Keras, for a model with the same layers, and back again."""

from nnaccel.interop.weights.loading import load
from nnaccel.interop.weights.saving import save

__all__ = ["load", "save"]
