"""What a rank does in the benchmark of scaling: python -m nnaccel.bench.scale_rank SETTINGS."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from nnaccel import _config
from nnaccel.backends import get_backend
from nnaccel.bench.cnn_problem import CnnProblem
from nnaccel.bench.images import Images, mnist_or_synthetic
from nnaccel.bench.peers import CNN_NNACCEL, CNN_PEERS, NNACCEL, PEERS, RANK_PEERS
from nnaccel.bench.problem import Problem
from nnaccel.bench.race import check_agreement, runner
from nnaccel.bench.timing import compare
from nnaccel.distributed import init
from nnaccel.training.communicator import Communicator

_REDUCTIONS = 50
_BATCHES = 2  # on which all must agree


def measure(
    model: str, rows: int, batch_size: int, against: Sequence[str], repeats: int, fixed: bool
) -> dict[str, Any]:
    """Train epochs with the other ranks; return seconds of each, and of an all-reduce alone."""
    comm = init(deterministic=fixed)
    problem = _problem(model, mnist_or_synthetic(), rows, batch_size)
    ours, peers = (CNN_NNACCEL, CNN_PEERS) if model == "cnn" else (NNACCEL, PEERS)
    here = {"backend": get_backend().name, "distributed": comm}
    entrants = {"nnaccel": replace(ours["nnaccel"], options=here)}
    for name in against:
        entrants[name] = replace(RANK_PEERS[name], options={"distributed": comm})
    check_agreement(problem, entrants, peers["numpy"], _BATCHES)
    made = {name: peer.make(problem) for name, peer in entrants.items()}
    losses: dict[str, float] = {}
    timings = compare({name: runner(name, made[name], problem, losses) for name in made}, repeats)
    network = made["nnaccel"].model
    return {
        "ranks": comm.size,
        "threads": _config.num_threads(),
        "rows": len(problem.images),
        "steps": -(-len(problem.images) // batch_size),
        "parameters": network.count_params,
        "reduction": _seconds_of_reduction(comm, np.zeros_like(network.gradients)),
        "epochs": {name: asdict(timings[name]) | {"loss": losses[name]} for name in made},
    }


def _problem(model: str, images: Images, rows: int, batch_size: int) -> Problem | CnnProblem:
    x, y = images.x[:rows], images.y[:rows]
    if model == "cnn":
        return CnnProblem(x.reshape(-1, 28, 28), y, batch_size=batch_size)
    return Problem(x, y, (512,), batch_size)


def _seconds_of_reduction(comm: Communicator, array: np.ndarray) -> float:
    """Median seconds of one all-reduce of the gradients, called from a tape."""
    backend = get_backend()
    replay = backend.record(lambda: comm.all_reduce(backend, array))
    taken = []
    for _ in range(_REDUCTIONS):
        comm.meet(1)
        start = time.perf_counter()
        replay(1)
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))


def main() -> None:
    """Measure, and let rank 0 print what it found."""
    found = measure(**json.loads(sys.argv[1]))
    launcher = _config.launcher()
    if launcher is None or launcher.rank == 0:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
