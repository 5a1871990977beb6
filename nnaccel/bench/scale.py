"""The benchmark of scaling: one machine's processors, divided over more and more ranks."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from nnaccel.bench.machine import Machine, measure_machine
from nnaccel.bench.timing import progress
from nnaccel.distributed.mpiexec import find_mpiexec


@dataclass(frozen=True)
class ScaleRow:
    """One number of ranks: seconds an epoch, and of an all-reduce alone."""

    ranks: int
    threads: int
    rows: int
    steps: int
    parameters: int
    seconds: tuple[float, ...]
    reduction: float
    loss: float

    @property
    def median(self) -> float:
        """Median seconds an epoch."""
        return float(np.median(self.seconds))

    @property
    def images_per_s(self) -> float:
        """Images that all ranks train on in a second."""
        return self.rows / self.median

    @property
    def communication(self) -> float:
        """Share of an epoch that its all-reduces take by themselves."""
        return self.steps * self.reduction / self.median if self.ranks > 1 else 0.0


@dataclass(frozen=True)
class ScaleReport:
    """Strong scaling, the same batch for all, and weak scaling, a batch that grows with them."""

    model: str
    batch_size: int
    fixed: bool
    machine: Machine
    strong: tuple[ScaleRow, ...]
    weak: tuple[ScaleRow, ...]

    def to_json(self) -> str:
        """JSON text of all measurements."""
        return json.dumps(asdict(self), indent=2)

    def __str__(self) -> str:
        """A heading, the machine, and a line for each number of ranks, strong and weak."""
        lines = [
            f"{self.model}, {self.strong[0].parameters:,} parameters, batch {self.batch_size}"
            + ", the same bits on any number of ranks" * self.fixed,
            str(self.machine),
        ]
        for kind, rows in (("strong", self.strong), ("weak", self.weak)):
            lines += [
                "",
                f"{kind:6}  ranks  threads each  s/epoch  images/s  efficiency  communication",
            ]
            lines += [
                f"{'':6}  {row.ranks:5}  {row.threads:12}  {row.median:7.3f} "
                f"{row.images_per_s:9,.0f}  {row.images_per_s / rows[0].images_per_s:10.2f}  "
                f"{row.communication:13.1%}"
                for row in rows
            ]
        lines += ["", "efficiency: images/s as a share of one rank's with all processors"]
        return "\n".join(lines)


def run_scale(
    model: str = "mlp",
    ranks: Sequence[int] = (1, 2),
    batch_size: int = 1024,
    rows: int = 60_000,
    repeats: int = 5,
    fixed: bool = False,
) -> ScaleReport:
    """Time epochs of one network on several numbers of ranks, which share this machine.

    Parameters
    ----------
    model : {'mlp', 'cnn'}
        784-512-10, or the network of ``nnaccel train --model cnn``.
    ranks : sequence of int
        How many.
    batch_size, rows : int
        Of one rank; where scaling is weak, both grow with the ranks.
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
    RuntimeError
        If a run fails.
    """

    def on(count: int, factor: int) -> ScaleRow:
        settings = {"model": model, "rows": rows * factor, "batch_size": batch_size * factor}
        return _run(count, settings | {"repeats": repeats, "fixed": fixed})

    strong = tuple(on(count, 1) for count in ranks)
    weak = tuple(on(count, count) for count in ranks)
    return ScaleReport(model, batch_size, fixed, measure_machine(), strong, weak)


def _run(ranks: int, settings: dict[str, Any]) -> ScaleRow:
    program = [sys.executable, "-m", "nnaccel.bench.scale_rank", json.dumps(settings)]
    progress(f"{ranks} rank{'s' * (ranks != 1)}, batch {settings['batch_size']:,}")
    line = [find_mpiexec(), "-n", str(ranks), *program]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    progress("")
    if done.returncode:
        raise RuntimeError(f"the run on {ranks} ranks failed: {done.stderr.strip()[-500:]}")
    found = json.loads(done.stdout)
    return ScaleRow(**found | {"seconds": tuple(found["seconds"])})
