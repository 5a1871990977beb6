"""Results of the benchmark of scaling, as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from nnaccel.bench.machine import Machine
from nnaccel.bench.timing import Timing


@dataclass(frozen=True)
class ScaleTiming(Timing):
    """A library's seconds an epoch, and its mean loss in the last one."""

    loss: float


@dataclass(frozen=True)
class ScaleRow:
    """One number of ranks: seconds an epoch, of each library, and of an all-reduce alone."""

    ranks: int
    threads: int
    rows: int
    steps: int
    parameters: int
    reduction: float
    epochs: dict[str, ScaleTiming]

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """Read what rank 0 printed."""
        epochs = {
            name: ScaleTiming(**timing | {"seconds": tuple(timing["seconds"])})
            for name, timing in fields["epochs"].items()
        }
        return cls(**{**fields, "epochs": epochs})

    def images_per_s(self, library: str = "nnaccel") -> float:
        """Images that all ranks train on in a second."""
        return self.rows / self.epochs[library].median

    @property
    def communication(self) -> float:
        """Share of nnaccel's epoch that its all-reduces take by themselves."""
        seconds = self.steps * self.reduction
        return seconds / self.epochs["nnaccel"].median if self.ranks > 1 else 0.0


@dataclass(frozen=True)
class ScaleReport:
    """Strong scaling, the same batch for all, and weak scaling, a batch that grows with them."""

    model: str
    batch_size: int
    fixed: bool
    machine: Machine
    strong: tuple[ScaleRow, ...]
    weak: tuple[ScaleRow, ...]
    missing: dict[str, str]

    @property
    def _standard(self) -> str:
        """What speeds are held against: the first number of ranks."""
        ranks = self.strong[0].ranks
        return f"those of {ranks} ranks" if ranks > 1 else "one rank's with all processors"

    def to_json(self) -> str:
        """JSON text of all measurements, and of the shares of communication."""
        fields = asdict(self)
        for kind, rows in (("strong", self.strong), ("weak", self.weak)):
            for row, measured in zip(fields[kind], rows, strict=True):
                row["communication"] = measured.communication
        return json.dumps(fields, indent=2)

    def __str__(self) -> str:
        """A heading, the machine, and lines for each number of ranks, strong and weak."""
        lines = [
            f"{self.model}, {self.strong[0].parameters:,} parameters, batch {self.batch_size}"
            + ", the same bits on any number of ranks" * self.fixed,
            str(self.machine),
        ]
        for kind, rows in (("strong", self.strong), ("weak", self.weak)):
            lines += ["", *_table(kind, rows)]
        lines += ["", f"efficiency: images/s as a share of {self._standard}"]
        lines += [f"{name}: not installed: {install}" for name, install in self.missing.items()]
        return "\n".join(lines)


def _table(kind: str, rows: Sequence[ScaleRow]) -> list[str]:
    """Lines of one kind of scaling, in which the first row is what the others are held against."""
    lines = [
        f"{kind:6}  ranks  threads each  library  s/epoch  images/s  efficiency  communication"
        "  nnaccel's lead"
    ]
    for row in rows:
        for name, timing in row.epochs.items():
            speed = row.images_per_s(name)
            share = f"{row.communication:.1%}" if name == "nnaccel" else ""
            lines.append(
                f"{'':6}  {row.ranks:5}  {row.threads:12}  {name:7}  {timing.median:7.3f} "
                f"{speed:9,.0f}  {speed / rows[0].images_per_s(name):10.2f}  {share:>13}  "
                f"{timing.ratio_to(row.epochs['nnaccel']):13.2f}x"
            )
    return lines
