"""Neural networks with explicit gradients, on NumPy, Numba or CuPy arrays."""

from typing import Any

from nnaccel import data, filters, layers, ops, optim
from nnaccel.backends import (
    Backend,
    BackendInfo,
    BackendUnavailableError,
    asarray,
    backends,
    get_backend,
    get_namespace,
    set_backend,
    to_numpy,
    use_backend,
)
from nnaccel.layers import (
    ELU,
    Activation,
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    GlobalMaxPool2D,
    Layer,
    LayerNorm,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Softmax,
    ZeroPad2D,
    initializers,
)
from nnaccel.layers.penalties import L1, L1L2, L2, Penalty
from nnaccel.model.explain import explain
from nnaccel.model.sequential import Sequential, load
from nnaccel.optim import schedules
from nnaccel.testing import assert_parity, gradcheck
from nnaccel.training import losses, metrics
from nnaccel.training.callbacks import (
    Callback,
    CSVLogger,
    EarlyStopping,
    History,
    LambdaCallback,
    ModelCheckpoint,
    ProgressBar,
    ReduceLROnPlateau,
)
from nnaccel.training.checkpoint import CheckpointError
from nnaccel.training.loop import DivergenceError

__all__ = [
    "ELU",
    "L1",
    "L1L2",
    "L2",
    "Activation",
    "AvgPool2D",
    "Backend",
    "BackendInfo",
    "BackendUnavailableError",
    "BatchNorm",
    "CSVLogger",
    "Callback",
    "CheckpointError",
    "Conv2D",
    "Conv2DTranspose",
    "Dense",
    "DepthwiseConv2D",
    "DivergenceError",
    "Dropout",
    "EarlyStopping",
    "Flatten",
    "GlobalAvgPool2D",
    "GlobalMaxPool2D",
    "History",
    "LambdaCallback",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "MaxPool2D",
    "ModelCheckpoint",
    "Penalty",
    "ProgressBar",
    "ReLU",
    "ReduceLROnPlateau",
    "Sequential",
    "Softmax",
    "ZeroPad2D",
    "asarray",
    "assert_parity",
    "backends",
    "data",
    "explain",
    "filters",
    "get_backend",
    "get_namespace",
    "gradcheck",
    "initializers",
    "layers",
    "load",
    "losses",
    "metrics",
    "ops",
    "optim",
    "schedules",
    "set_backend",
    "to_numpy",
    "use_backend",
    "xp",
]


def __getattr__(name: str) -> Any:
    """Resolve what is not there before it is asked for.

    That is `xp`, the array namespace of the backend in force; `__version__`; and the rooms that
    need scikit-learn or matplotlib: `estimators` and `plot`.
    """
    if name in ("estimators", "plot"):
        from importlib import import_module

        return import_module(f"nnaccel.{name}")
    if name == "xp":
        return get_backend().xp
    if name == "__version__":
        from importlib.metadata import version

        return version("nnaccel")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
