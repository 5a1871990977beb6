"""Neural networks with explicit gradients, on NumPy, Numba or CuPy arrays."""

from nnaccel import _interrupt  # noqa: F401  # isort: skip
from typing import Any

from nnaccel import data, distributed, filters, layers, ops, optim
from nnaccel._foreign import missing
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
from nnaccel.layers import *
from nnaccel.layers import constraints, initializers, penalties
from nnaccel.layers.constraints import *
from nnaccel.layers.penalties import *
from nnaccel.model.explain import explain
from nnaccel.model.learning_rates import find_learning_rate
from nnaccel.model.loading import load
from nnaccel.model.sequential import Sequential
from nnaccel.optim import schedules
from nnaccel.testing import assert_parity, gradcheck
from nnaccel.training import callbacks, losses, metrics
from nnaccel.training.callbacks import *
from nnaccel.training.checkpoint import CheckpointError
from nnaccel.training.divergence import DivergenceError

__all__ = [
    "Backend",
    "BackendInfo",
    "BackendUnavailableError",
    "CheckpointError",
    "DivergenceError",
    "Sequential",
    "asarray",
    "assert_parity",
    "backends",
    "constraints",
    "data",
    "distributed",
    "explain",
    "filters",
    "find_learning_rate",
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
    "xp",  # noqa: F405 (see __getattr__)
    *layers.__all__,
    *constraints.__all__,
    *penalties.__all__,
    *callbacks.__all__,
]

_LAZY = ("estimators", "interop", "plot", "testing")


def __getattr__(name: str) -> Any:
    """Resolve attributes on first use.

    `xp` is the array namespace of the current backend; `estimators` and `plot` need scikit-learn
    and matplotlib.
    """
    if name in _LAZY:
        from importlib import import_module

        return import_module(f"nnaccel.{name}")
    if name == "xp":
        return get_backend().xp
    if name == "__version__":
        from importlib.metadata import version

        return version("nnaccel")
    missing(__name__, __all__)(name)


def __dir__() -> list[str]:
    """Names for completion, those that are loaded on first use among them."""
    return sorted({*__all__, *_LAZY, *(name for name in globals() if name.startswith("__"))})
