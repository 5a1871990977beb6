"""The benchmark of training runs: contestants must agree, then take turns of one epoch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from nnaccel.bench.machine import measure_machine
from nnaccel.bench.peers import Contestant, Peer, expand_names
from nnaccel.bench.problem import DisagreementError
from nnaccel.bench.report import EpochReport, EpochRow
from nnaccel.bench.timing import Run, compare, progress, require_turns


class TrainingProblem(Protocol):
    """A network, its data and its SGD settings."""

    @property
    def images(self) -> npt.NDArray[np.uint8]:
        """One image or row for each label."""

    @property
    def batch_size(self) -> int:
        """Rows in a step."""

    @property
    def seed(self) -> int:
        """Seed of the shuffles."""

    @property
    def network(self) -> str:
        """The layers in short notation."""

    @property
    def name(self) -> str:
        """The network and the batch size."""

    @property
    def flops(self) -> int:
        """Floating-point operations of an epoch."""

    def head(self, rows: int) -> Self:
        """The same problem on the first rows."""


def run_race(
    problem: TrainingProblem,
    *,
    ours: Mapping[str, Peer],
    peers: Mapping[str, Peer],
    groups: Mapping[str, tuple[str, ...]],
    against: Iterable[str],
    repeats: int,
    backend: str,
    data: str,
    batches: int = 50,
) -> EpochReport:
    """Time nnaccel and its peers, training in turns.

    Parameters
    ----------
    problem : TrainingProblem
    ours : mapping of str to Peer
        nnaccel's contestants, the first named ``"nnaccel"``.
    peers, groups, against
        As for `nnaccel.bench.peers.expand_names`; ``"numpy"`` is among the peers.
    repeats : int
        Turns after the first, each of one epoch per contestant.
    backend : str
        nnaccel's backend.
    data : str
        Name of the images.
    batches : int
        Batches on which the contestants must agree before any timing.

    Returns
    -------
    EpochReport

    Raises
    ------
    ValueError
        For an unknown peer or fewer than one repeat.
    DisagreementError
        If a contestant computes something else than the others.
    """
    require_turns(repeats)
    wanted = expand_names(against, peers, groups)
    runners = {
        name: replace(peer, options={**peer.options, "backend": backend})
        for name, peer in ours.items()
    }
    runners |= {name: peers[name] for name in wanted if peers[name].available}
    check_agreement(problem, runners, peers["numpy"], batches)
    machine = measure_machine()
    losses: dict[str, float] = {}
    timings = compare(
        {name: runner(name, peer.make(problem), problem, losses) for name, peer in runners.items()},
        repeats,
    )
    rows = tuple(
        EpochRow(
            name=name,
            about=runners[name].about,
            first=timing.first,
            seconds=timing.seconds,
            ratio=timing.ratio_to(timings["nnaccel"]),
            loss=losses[name],
        )
        for name, timing in timings.items()
    )
    return EpochReport(
        network=problem.network,
        batch_size=problem.batch_size,
        data=data,
        images=len(problem.images),
        flops=problem.flops,
        backend=backend,
        machine=machine,
        rows=rows,
        missing={name: peers[name].install for name in wanted if not peers[name].available},
    )


def check_agreement(
    problem: TrainingProblem,
    runners: Mapping[str, Peer],
    reference: Peer,
    batches: int = 50,
    rtol: float = 1e-3,
) -> dict[str, float]:
    """Train every contestant on the first batches, in order, and compare the mean losses.

    Parameters
    ----------
    problem : TrainingProblem
    runners : mapping of str to Peer
        The contestants, all of them available.
    reference : Peer
        The contestant whose loss is taken as correct.
    batches : int
        Number of full batches; one of a single row follows.
    rtol : float
        Largest relative difference from the reference's loss.

    Returns
    -------
    dict of str to float
        The losses.

    Raises
    ------
    DisagreementError
        Naming the contestants that are off.
    """
    few = problem.head(batches * problem.batch_size + 1)
    wanted = float(reference.make(few).epoch(None))
    losses = {}
    for name, peer in runners.items():
        progress(f"the first {len(few.images):,} images: {name}")
        losses[name] = float(peer.make(few).epoch(None))
    wrong = [name for name, loss in losses.items() if not np.isclose(loss, wanted, rtol, 0)]
    if wrong:
        raise DisagreementError(
            f"after the same {len(few.images)} images of {problem.name}, the mean loss of "
            f"{', '.join(wrong)} is not that of {reference.about}, {wanted}: {losses}"
        )
    return losses


def runner(
    name: str, contestant: Contestant, problem: TrainingProblem, losses: dict[str, float]
) -> Run:
    """A run of one shuffled epoch, with the same shuffles for all; keeps the last loss."""
    rng = np.random.default_rng(problem.seed)

    def run() -> None:
        losses[name] = contestant.epoch(rng.permutation(len(problem.images)))

    return run
