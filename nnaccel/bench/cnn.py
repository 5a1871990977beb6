"""The benchmark of a CNN: an epoch of training in nnaccel and in other libraries."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nnaccel.bench.cnn_problem import CnnProblem
from nnaccel.bench.images import Images, mnist_or_synthetic
from nnaccel.bench.peers import CNN_GROUPS, CNN_NNACCEL, CNN_PEERS
from nnaccel.bench.race import run_race
from nnaccel.bench.report import EpochReport


def run_cnn(
    architecture: str = "cnn",
    batch_size: int = 128,
    against: Sequence[str] = ("torch",),
    repeats: int = 5,
    backend: str = "numba",
    images: int = 5120,
    data: Images | None = None,
) -> EpochReport:
    """Time nnaccel's `fit` on a convolutional network against other libraries.

    As in `nnaccel.bench.mlp.run_mlp`, all start from the same weights, use plain SGD and must agree
    first. An epoch is `images` images, shuffled anew each turn.

    Parameters
    ----------
    architecture : str
        Name in `nnaccel.model.architectures.ARCHITECTURES`.
    batch_size : int
        Images in an SGD step.
    against : sequence of str
        Names of `nnaccel.bench.peers.CNN_PEERS`, or ``"all"``.
    repeats : int
        Turns after the first.
    backend : str
        nnaccel's backend.
    images : int
        Images in an epoch.
    data : Images, optional
        Square images in rows; by default MNIST if it is on this machine, else synthetic ones.

    Returns
    -------
    EpochReport

    Raises
    ------
    ValueError
        For an unknown architecture or peer, or fewer than one repeat.
    DisagreementError
        If a contestant computes something else than the others.

    Examples
    --------
    >>> from nnaccel.bench.images import synthetic
    >>> report = run_cnn("cnn", 8, ["numpy"], 1, "numpy", data=synthetic(rows=16, features=64))
    >>> [row.name for row in report.rows]
    ['nnaccel', 'numpy']
    """
    found = data or mnist_or_synthetic()
    side = math.isqrt(found.x.shape[1])
    x = found.x[:images].reshape(-1, side, side)
    return run_race(
        CnnProblem(x, found.y[:images], architecture, batch_size),
        ours=CNN_NNACCEL,
        peers=CNN_PEERS,
        groups=CNN_GROUPS,
        against=against,
        repeats=repeats,
        backend=backend,
        data=found.name,
        batches=5,
    )
