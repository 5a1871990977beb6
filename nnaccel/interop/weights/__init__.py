"""Weights trained in PyTorch or Keras, for a model with the same layers."""

from nnaccel.interop.weights.loading import load

__all__ = ["load"]
