"""Neural networks with explicit gradients, on NumPy, Numba or CuPy arrays."""

from typing import Any

from nnaccel import data, initializers, layers, losses, ops, optim, schedules
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
from nnaccel.callbacks import (
    Callback,
    CSVLogger,
    EarlyStopping,
    History,
    LambdaCallback,
    ModelCheckpoint,
    ProgressBar,
    ReduceLROnPlateau,
)
from nnaccel.checkpoint import CheckpointError
from nnaccel.gradients import assert_parity, gradcheck
from nnaccel.layers import (
    ELU,
    Activation,
    Dense,
    Dropout,
    Flatten,
    Layer,
    LeakyReLU,
    ReLU,
    Softmax,
)
from nnaccel.model import Sequential, load
from nnaccel.penalties import L1, L1L2, L2, Penalty
from nnaccel.train import DivergenceError

__all__ = [
    "ELU",
    "L1",
    "L1L2",
    "L2",
    "Activation",
    "Backend",
    "BackendInfo",
    "BackendUnavailableError",
    "CSVLogger",
    "Callback",
    "CheckpointError",
    "Dense",
    "DivergenceError",
    "Dropout",
    "EarlyStopping",
    "Flatten",
    "History",
    "LambdaCallback",
    "Layer",
    "LeakyReLU",
    "ModelCheckpoint",
    "Penalty",
    "ProgressBar",
    "ReLU",
    "ReduceLROnPlateau",
    "Sequential",
    "Softmax",
    "asarray",
    "assert_parity",
    "backends",
    "data",
    "get_backend",
    "get_namespace",
    "gradcheck",
    "initializers",
    "layers",
    "load",
    "losses",
    "ops",
    "optim",
    "schedules",
    "set_backend",
    "to_numpy",
    "use_backend",
    "xp",
]


def __getattr__(name: str) -> Any:
    """Resolve `xp`, the array namespace of the backend in force, and `__version__` when asked."""
    if name == "xp":
        return get_backend().xp
    if name == "__version__":
        from importlib.metadata import version

        return version("nnaccel")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
