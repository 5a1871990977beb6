"""The race: one epoch of SGD on an MLP, nnaccel beside other libraries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnaccel.bench.images import Images, mnist_or_synthetic
from nnaccel.bench.machine import measure_machine
from nnaccel.bench.peers import NNACCEL, PEERS, Contestant, Peer, expand_names
from nnaccel.bench.problem import Problem
from nnaccel.bench.report import MlpReport, MlpRow
from nnaccel.bench.timing import Run, compare


def run_mlp(
    hidden: Sequence[int] = (100,),
    batch_size: int = 128,
    against: Sequence[str] = ("numpy", "torch", "jax", "sklearn"),
    repeats: int = 5,
    backend: str = "numba",
    data: Images | None = None,
) -> MlpReport:
    """Race nnaccel's `fit` against other libraries on this machine.

    Every contestant starts from the same weights and trains ReLU hidden layers and a softmax by
    plain SGD, one shuffled epoch a turn. Before any timing all of them train a few batches in the
    same order and must reach the same loss.

    Parameters
    ----------
    hidden : sequence of int
        Units of each hidden layer.
    batch_size : int
        Rows per SGD step.
    against : sequence of str
        Names of `nnaccel.bench.peers.PEERS`, or ``"jax"`` for both ways of JAX, or ``"all"``.
        Those that are not installed are listed in the report.
    repeats : int
        Turns after the first, each of one epoch per contestant.
    backend : str
        nnaccel's backend.
    data : Images, optional
        What to train on; by default MNIST if it is on this machine, else synthetic images.

    Returns
    -------
    MlpReport
        Print it for a table; `to_json` for a file.

    Raises
    ------
    ValueError
        For an unknown peer or fewer than one repeat.
    DisagreementError
        If a contestant does not compute what the others do.

    Examples
    --------
    >>> from nnaccel.bench.images import synthetic
    >>> report = run_mlp((8,), 16, against=["numpy"], repeats=1, data=synthetic(rows=64))
    >>> [row.name for row in report.rows]
    ['nnaccel', 'nnaccel_uint8', 'numpy']
    """
    if repeats < 1:
        raise ValueError(f"repeats={repeats} must be at least 1")
    images = data or mnist_or_synthetic()
    classes = int(images.y.max()) + 1
    problem = Problem(images.x, images.y, tuple(hidden), batch_size, classes=classes)
    wanted = expand_names(against)
    runners = NNACCEL | {name: PEERS[name] for name in wanted if PEERS[name].available}
    check_agreement(problem, runners, backend)
    machine = measure_machine()
    contestants = {name: make(peer, problem, backend) for name, peer in runners.items()}
    losses: dict[str, float] = {}
    timings = compare(
        {name: _runner(name, c, problem, losses) for name, c in contestants.items()}, repeats
    )
    rows = tuple(
        MlpRow(
            name=name,
            about=runners[name].about,
            first=timing.first,
            seconds=timing.seconds,
            ratio=timing.ratio_to(timings["nnaccel"]),
            loss=losses[name],
        )
        for name, timing in timings.items()
    )
    return MlpReport(
        network=problem.network,
        batch_size=batch_size,
        data=images.name,
        images=len(images.x),
        flops=problem.flops,
        backend=backend,
        machine=machine,
        rows=rows,
        missing={name: PEERS[name].install for name in wanted if not PEERS[name].available},
    )


class DisagreementError(RuntimeError):
    """Contestants that were given the same work computed different things."""


def check_agreement(
    problem: Problem, runners: dict[str, Peer], backend: str = "numba", rtol: float = 1e-3
) -> dict[str, float]:
    """Train every contestant on the first fifty batches, in order, and compare the mean losses.

    Parameters
    ----------
    problem : Problem
    runners : dict of str to Peer
        All of them available.
    backend : str
        nnaccel's backend.
    rtol : float
        Largest relative difference from the loss of NumPy, which runs in any case.

    Returns
    -------
    dict of str to float
        The losses.

    Raises
    ------
    DisagreementError
        Naming the contestants that are off.
    """
    few = problem.head(50 * problem.batch_size + 1)  # the last batch is smaller
    losses = {
        name: make(peer, few, backend).epoch(None)
        for name, peer in ({"numpy": PEERS["numpy"]} | runners).items()
    }
    wrong = [n for n, loss in losses.items() if not np.isclose(loss, losses["numpy"], rtol, 0)]
    if wrong:
        raise DisagreementError(
            f"after the same {len(few.images)} images of {problem.name}, the mean loss of "
            f"{', '.join(wrong)} is not that of numpy: {losses}"
        )
    return losses


def make(peer: Peer, problem: Problem, backend: str = "numba") -> Contestant:
    """Build a contestant; the backend matters to nnaccel only."""
    options: dict[str, Any] = {"backend": backend} if peer in NNACCEL.values() else {}
    return peer.make(problem, **options)


def _runner(name: str, contestant: Contestant, problem: Problem, losses: dict[str, float]) -> Run:
    """One shuffled epoch a call, the same shuffles for everybody; keeps the latest loss."""
    rng = np.random.default_rng(problem.seed)

    def run() -> None:
        losses[name] = contestant.epoch(rng.permutation(len(problem.images)))

    return run
