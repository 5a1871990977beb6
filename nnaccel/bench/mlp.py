"""The benchmark of an MLP: an epoch of SGD in nnaccel and in other libraries."""

from __future__ import annotations

from collections.abc import Sequence

from nnaccel.bench.images import Images, mnist_or_synthetic
from nnaccel.bench.peers import GROUPS, NNACCEL, PEERS
from nnaccel.bench.problem import Problem
from nnaccel.bench.race import run_race
from nnaccel.bench.report import EpochReport


def run_mlp(
    hidden: Sequence[int] = (100,),
    batch_size: int = 128,
    against: Sequence[str] = ("numpy", "torch", "jax", "sklearn"),
    repeats: int = 5,
    backend: str = "numba",
    data: Images | None = None,
) -> EpochReport:
    """Time nnaccel's `fit` against other libraries on this machine.

    All contestants start from the same weights and train ReLU hidden layers and a softmax by plain
    SGD, one shuffled epoch a turn. Before any timing, all train on a few batches in the same order
    and must reach the same loss.

    Parameters
    ----------
    hidden : sequence of int
        Units of each hidden layer.
    batch_size : int
        Rows per SGD step.
    against : sequence of str
        Names of `nnaccel.bench.peers.PEERS`, ``"jax"`` for both of JAX's, or ``"all"``.
        Those that are not installed are listed in the report.
    repeats : int
        Turns after the first, each of one epoch per contestant.
    backend : str
        nnaccel's backend.
    data : Images, optional
        What to train on; by default MNIST if it is on this machine, else synthetic images.

    Returns
    -------
    EpochReport
        Print it for a table; `to_json` for a file.

    Raises
    ------
    ValueError
        For an unknown peer or fewer than one repeat.
    DisagreementError
        If a contestant computes something else than the others.

    Examples
    --------
    >>> from nnaccel.bench.images import synthetic
    >>> report = run_mlp((8,), 16, against=["numpy"], repeats=1, data=synthetic(rows=64))
    >>> [row.name for row in report.rows]
    ['nnaccel', 'nnaccel_uint8', 'numpy']
    """
    images = data or mnist_or_synthetic()
    classes = int(images.y.max()) + 1
    return run_race(
        Problem(images.x, images.y, tuple(hidden), batch_size, classes=classes),
        ours=NNACCEL,
        peers=PEERS,
        groups=GROUPS,
        against=against,
        repeats=repeats,
        backend=backend,
        data=images.name,
    )
