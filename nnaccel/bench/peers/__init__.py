"""The contestants: the same work in each library, in that library's recommended style."""

from __future__ import annotations

from typing import Protocol

from nnaccel.bench.peers._peer import Peer, expand_names
from nnaccel.bench.problem import IntArray, Weights

__all__ = [
    "CNN_GROUPS",
    "CNN_NNACCEL",
    "CNN_PEERS",
    "CONV_GROUPS",
    "CONV_NNACCEL",
    "CONV_PEERS",
    "GROUPS",
    "NNACCEL",
    "PEERS",
    "RANK_PEERS",
    "Contestant",
    "Peer",
    "expand_names",
]

_NUMBA, _NUMPY, _TORCH, _JAX = (
    f"pip install {name}" for name in ("numba", "numpy", "torch", "jax")
)


class Contestant(Protocol):
    """One network in one library, ready to train."""

    def epoch(self, order: IntArray | None) -> float:
        """Train one epoch and return its mean loss.

        `order` is a permutation of the rows; None keeps their order. A library whose training call
        takes no permutation shuffles by itself unless `order` is None.
        """

    def weights(self) -> Weights:
        """Current (w, b) of each layer."""


NNACCEL = {
    "nnaccel": Peer("nnaccel_mlp:NnaccelMLP", "numba", _NUMBA, "nnaccel"),
    "nnaccel_uint8": Peer(
        "nnaccel_mlp:NnaccelUint8MLP", "numba", _NUMBA, "nnaccel, from uint8 images"
    ),
}
PEERS = {
    "numpy": Peer("numpy_mlp:NumpyMLP", "numpy", _NUMPY, "vectorised NumPy"),
    "torch": Peer("torch_mlp:TorchMLP", "torch", _TORCH, "PyTorch, eager"),
    "jax_step": Peer("jax_mlp:JaxStepMLP", "jax", _JAX, "JAX, a jitted step"),
    "jax_scan": Peer("jax_mlp:JaxScanMLP", "jax", _JAX, "JAX, an epoch in one scan"),
    "sklearn": Peer(
        "sklearn_mlp:SklearnMLP",
        "sklearn",
        "pip install scikit-learn",
        "scikit-learn MLPClassifier",
    ),
}
GROUPS = {"jax": ("jax_step", "jax_scan")}

# One convolution, forward and backward.
CONV_NNACCEL = {
    "nnaccel": Peer("nnaccel_conv:NnaccelConv", "numpy", _NUMPY, "nnaccel"),
    "nnaccel_channels_last": Peer(
        "nnaccel_conv:NnaccelChannelsLastConv", "numpy", _NUMPY, "nnaccel, channels-last"
    ),
}
CONV_PEERS = {
    "torch": Peer("torch_conv:TorchConv", "torch", _TORCH, "PyTorch"),
    "torch_channels_last": Peer(
        "torch_conv:TorchChannelsLastConv", "torch", _TORCH, "PyTorch, channels-last"
    ),
    "torch_backend": Peer(
        "nnaccel_conv:NnaccelConv", "torch", _TORCH, "nnaccel's torch backend",
        {"backend": "torch"},
    ),
    "numpy": Peer(
        "nnaccel_conv:NnaccelConv", "numpy", _NUMPY, "NumPy, im2col",
        {"backend": "numpy", "algorithm": "im2col"},
    ),
    "naive": Peer("nnaccel_conv:NaiveConv", "numpy", _NUMPY, "naive NumPy"),
}  # fmt: skip
CONV_GROUPS = {"torch": ("torch", "torch_channels_last")}

# Training a convolutional network.
CNN_NNACCEL = {"nnaccel": Peer("nnaccel_cnn:NnaccelCNN", "numpy", _NUMPY, "nnaccel")}
CNN_PEERS = {
    "torch": Peer("torch_cnn:TorchCNN", "torch", _TORCH, "PyTorch, eager"),
    "torch_channels_last": Peer(
        "torch_cnn:TorchCNN", "torch", _TORCH, "PyTorch, eager, channels-last",
        {"channels_last": True},
    ),
    "numpy": Peer(
        "nnaccel_cnn:NnaccelCNN", "numpy", _NUMPY, "nnaccel's NumPy backend",
        {"backend": "numpy"},
    ),
}  # fmt: skip
CNN_GROUPS = CONV_GROUPS

# Training either network on several ranks.
RANK_PEERS = {
    "torch": Peer("torch_ranks:TorchRanks", "torch", _TORCH, "PyTorch, DDP over gloo"),
}
