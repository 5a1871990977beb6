"""The benchmark of scaling: one machine's processors, divided over more and more ranks."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from nnaccel.bench.machine import measure_machine
from nnaccel.bench.peers import RANK_PEERS, expand_names
from nnaccel.bench.scale_report import ScaleReport, ScaleRow
from nnaccel.bench.timing import progress, require_turns
from nnaccel.distributed.mpiexec import find_mpiexec


def run_scale(
    model: str = "mlp",
    ranks: Sequence[int] = (1, 2),
    batch_size: int = 1024,
    rows: int = 60_000,
    against: Sequence[str] = ("torch",),
    repeats: int = 5,
    fixed: bool = False,
) -> ScaleReport:
    """Time epochs of one network on several numbers of ranks, which share this machine.

    The same processes train it in nnaccel and in the other libraries, in turns, from the same
    weights by plain SGD. Before any timing all train on a few batches in the same order, and must
    reach the loss of NumPy on one rank.

    Parameters
    ----------
    model : {'mlp', 'cnn'}
        784-512-10, or the network of ``nnaccel train --model cnn``.
    ranks : sequence of int
        How many.
    batch_size, rows : int
        Of one rank; where scaling is weak, both grow with the ranks.
    against : sequence of str
        Names of `nnaccel.bench.peers.RANK_PEERS`, or ``"all"``. Those that are not installed are
        listed in the report.
    repeats : int
        Epochs timed of each.
    fixed : bool, default False
        Whether batches are divided into fixed parts, for the same bits on any number of ranks.

    Returns
    -------
    ScaleReport
        Print it for a table; `to_json` for a file.

    Raises
    ------
    ModuleNotFoundError
        If there is no mpiexec or no mpi4py.
    ValueError
        For an unknown peer or fewer than one repeat.
    RuntimeError
        If a run fails, or a library computes something else than the others.
    """
    require_turns(repeats)
    wanted = expand_names(against, RANK_PEERS, {})
    present = [name for name in wanted if RANK_PEERS[name].available]

    def on(count: int, factor: int) -> ScaleRow:
        size = {"rows": rows * factor, "batch_size": batch_size * factor}
        how = {"model": model, "repeats": repeats, "fixed": fixed, "against": present}
        return _run(count, size | how)

    strong = tuple(on(count, 1) for count in ranks)
    weak = tuple(row if row.ranks == 1 else on(row.ranks, row.ranks) for row in strong)
    missing = {name: RANK_PEERS[name].install for name in wanted if name not in present}
    return ScaleReport(model, batch_size, fixed, measure_machine(), strong, weak, missing)


def _run(ranks: int, settings: dict[str, Any]) -> ScaleRow:
    program = [sys.executable, "-m", "nnaccel.bench.scale_rank", json.dumps(settings)]
    progress(f"{ranks} rank{'s' * (ranks != 1)}, batch {settings['batch_size']:,}")
    line = [find_mpiexec(), "-n", str(ranks), *program]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    progress("")
    if done.returncode:
        raise RuntimeError(f"the run on {ranks} ranks failed: {done.stderr.strip()[-500:]}")
    return ScaleRow.from_dict(json.loads(done.stdout))
