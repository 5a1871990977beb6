"""The contestants: each trains the same MLP for one epoch, in its own library's good style."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

from nnaccel._config import unknown
from nnaccel.bench.problem import IntArray, Problem, Weights

__all__ = ["NNACCEL", "PEERS", "Contestant", "Peer", "expand_names"]


class Contestant(Protocol):
    """One MLP in one library, ready to train."""

    def epoch(self, order: IntArray | None) -> float:
        """Train one epoch and return its mean loss.

        `order` is the permutation of the rows; None means as they lie. A library whose training
        call takes no permutation draws its own when one is given.
        """

    def weights(self) -> Weights:
        """Current (w, b) of each layer."""


@dataclass(frozen=True)
class Peer:
    """Where a contestant is found and what it needs."""

    factory: str
    requires: str
    install: str
    about: str

    @property
    def available(self) -> bool:
        """Whether the library it needs can be imported."""
        return find_spec(self.requires) is not None

    def make(self, problem: Problem, **options: Any) -> Contestant:
        """Build the contestant on a problem; imports its library."""
        module, name = self.factory.split(":")
        factory = getattr(import_module(f"{__name__}.{module}"), name)
        contestant: Contestant = factory(problem, **options)
        return contestant


NNACCEL = {
    "nnaccel": Peer("nnaccel_mlp:NnaccelMLP", "numba", "pip install numba", "nnaccel"),
    "nnaccel_uint8": Peer(
        "nnaccel_mlp:NnaccelUint8MLP", "numba", "pip install numba", "nnaccel, from uint8 images"
    ),
}
PEERS = {
    "numpy": Peer("numpy_mlp:NumpyMLP", "numpy", "pip install numpy", "vectorised NumPy"),
    "torch": Peer("torch_mlp:TorchMLP", "torch", "pip install torch", "PyTorch, eager"),
    "jax_step": Peer("jax_mlp:JaxStepMLP", "jax", "pip install jax", "JAX, a jitted step"),
    "jax_scan": Peer("jax_mlp:JaxScanMLP", "jax", "pip install jax", "JAX, an epoch in one scan"),
    "sklearn": Peer(
        "sklearn_mlp:SklearnMLP",
        "sklearn",
        "pip install scikit-learn",
        "scikit-learn MLPClassifier",
    ),
}
GROUPS = {"jax": ("jax_step", "jax_scan")}


def expand_names(names: Iterable[str]) -> list[str]:
    """Turn what a user asked to race against into names of `PEERS`, in order, without repeats.

    Parameters
    ----------
    names : iterable of str
        Names of `PEERS`, or a library with several entries (``"jax"``), or ``"all"``.

    Returns
    -------
    list of str

    Raises
    ------
    ValueError
        For a name that is none of these; the message lists the choices.

    Examples
    --------
    >>> expand_names(["numpy", "jax"])
    ['numpy', 'jax_step', 'jax_scan']
    """
    groups = {**GROUPS, "all": tuple(PEERS)}
    expanded: dict[str, None] = {}
    for asked in names:
        name = asked.strip().lower()
        if name not in PEERS and name not in groups:
            raise ValueError(unknown("peer", asked, (*PEERS, *groups)))
        expanded.update(dict.fromkeys(groups.get(name, (name,))))
    return list(expanded)
