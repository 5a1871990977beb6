"""Results of a training benchmark, as a table and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from nnaccel.bench.machine import Machine
from nnaccel.bench.timing import Timing


@dataclass(frozen=True)
class EpochRow(Timing):
    """One contestant's seconds per epoch.

    `ratio` is its time divided by nnaccel's, the median over turns; `loss` is its mean loss in the
    last epoch, which shows that it learnt the same.
    """

    name: str
    about: str
    ratio: float
    loss: float


@dataclass(frozen=True)
class EpochReport:
    """Times of all contestants on one network, the machine, and the peers not installed."""

    network: str
    batch_size: int
    data: str
    images: int
    flops: int
    backend: str
    machine: Machine
    rows: tuple[EpochRow, ...]
    missing: dict[str, str]

    def images_per_s(self, row: EpochRow) -> float:
        """Images that the contestant trains on in a second."""
        return self.images / row.median

    def gflops(self, row: EpochRow) -> float:
        """GFLOP/s of the matrix products, as if the rest took no time."""
        return self.flops / row.median / 1e9

    def peak_fraction(self, row: EpochRow) -> float:
        """`gflops` divided by the measured multiply-add peak of all threads."""
        return self.gflops(row) / self.machine.gflops

    def to_dict(self) -> dict[str, Any]:
        """Plain types, including the derived figures of each row."""
        rows = [
            asdict(row)
            | {
                "median": row.median,
                "iqr": row.iqr,
                "images_per_s": self.images_per_s(row),
                "gflops": self.gflops(row),
                "peak_fraction": self.peak_fraction(row),
            }
            for row in self.rows
        ]
        return asdict(self) | {"rows": rows}

    def to_json(self) -> str:
        """JSON text of `to_dict`."""
        return json.dumps(self.to_dict(), indent=2)

    @classmethod
    def from_json(cls, text: str) -> EpochReport:
        """Read what `to_json` wrote."""
        fields = json.loads(text)
        known = EpochRow.__dataclass_fields__
        rows = [{k: v for k, v in row.items() if k in known} for row in fields["rows"]]
        fields["rows"] = tuple(EpochRow(**row | {"seconds": tuple(row["seconds"])}) for row in rows)
        fields["machine"] = Machine(**fields["machine"])
        return cls(**fields)

    def __str__(self) -> str:
        """A heading, the machine, a line for each contestant, and the ones not installed."""
        width = max(len(row.about) for row in self.rows)
        lines = [
            f"{self.network}, batch {self.batch_size}: {self.images:,} images ({self.data}), "
            f"{self.flops / 1e9:.1f} GFLOP an epoch, median of {len(self.rows[0].seconds)}",
            str(self.machine),
            "",
            f"{'':{width}}  s/epoch    IQR  first  images/s  GFLOP/s  of peak  nnaccel's lead",
        ]
        for row in self.rows:
            lines.append(
                f"{row.about:{width}}  {row.median:7.3f} {row.iqr:6.3f} {row.first:6.2f} "
                f"{self.images_per_s(row):9,.0f} {self.gflops(row):8.1f} "
                f"{self.peak_fraction(row):8.0%}  {row.ratio:13.2f}x"
            )
        lines += [f"{name}: not installed: {install}" for name, install in self.missing.items()]
        return "\n".join(lines)
