"""Results of a convolution benchmark, as tables and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from nnaccel.bench.machine import Machine
from nnaccel.bench.timing import Timing

DIRECTIONS = ("forward", "backward")


@dataclass(frozen=True)
class ConvRow(Timing):
    """One contestant's seconds per call.

    `ratio` is its time divided by nnaccel's, the median over turns; `error` the largest difference
    from float64, relative to the largest element of that result. If `images` is less than
    `batch_size`, it was called once on that many images and its seconds are scaled to the batch.
    """

    name: str
    about: str
    ratio: float
    error: float
    images: int
    batch_size: int

    @property
    def scaled(self) -> bool:
        """Whether fewer images than the batch were timed."""
        return self.images < self.batch_size


@dataclass(frozen=True)
class ConvRace:
    """Times of all contestants on one convolution in one direction."""

    shape: str
    direction: str
    flops: int
    rows: tuple[ConvRow, ...]

    def gflops(self, row: ConvRow) -> float:
        """GFLOP/s by the operations of the definition, whatever the algorithm."""
        return self.flops / row.median / 1e9


@dataclass(frozen=True)
class ConvReport:
    """Times on several convolutions, the machine, and the peers not installed."""

    backend: str
    tolerances: dict[str, float]
    machine: Machine
    races: tuple[ConvRace, ...]
    missing: dict[str, str]

    def peak_fraction(self, race: ConvRace, row: ConvRow) -> float:
        """`race.gflops` divided by the machine's measured multiply-add peak.

        It can exceed 1 for Winograd's algorithm, which multiplies less than the definition.
        """
        return race.gflops(row) / self.machine.gflops

    def leads(self) -> dict[str, dict[str, float]]:
        """Geometric mean of the ratios over the shapes, by direction and contestant."""
        found: dict[str, dict[str, list[float]]] = {}
        for race in self.races:
            ratios = found.setdefault(race.direction, {})
            for row in race.rows:
                if row.name != "nnaccel":
                    ratios.setdefault(row.name, []).append(row.ratio)
        return {
            direction: {name: float(np.exp(np.mean(np.log(r)))) for name, r in ratios.items()}
            for direction, ratios in found.items()
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain types, including the derived figures of each row."""
        races = [
            asdict(race)
            | {
                "rows": [
                    asdict(row)
                    | {
                        "median": row.median,
                        "iqr": row.iqr,
                        "gflops": race.gflops(row),
                        "peak_fraction": self.peak_fraction(race, row),
                    }
                    for row in race.rows
                ]
            }
            for race in self.races
        ]
        return asdict(self) | {"races": races, "leads": self.leads()}

    def to_json(self) -> str:
        """JSON text of `to_dict`."""
        return json.dumps(self.to_dict(), indent=2)

    def __str__(self) -> str:
        """The machine, a table for each race, and the geometric means."""
        bounds = ", ".join(f"{name} {bound:.0e}" for name, bound in self.tolerances.items())
        lines = [str(self.machine), f"all errors beside float64 below {bounds}", ""]
        for race in self.races:
            lines += [*self._table(race), ""]
        lines += ["nnaccel's lead, geometric mean"]
        about = {row.name: row.about for race in self.races for row in race.rows}
        for direction, means in self.leads().items():
            listed = ", ".join(f"{about[name]} {mean:,.2f}x" for name, mean in means.items())
            lines.append(f"  {direction:8}  {listed or 'nobody to compare with'}")
        scaled = {row.about: row.images for race in self.races for row in race.rows if row.scaled}
        for name, images in scaled.items():
            lines.append(f"* {name} was timed once, on {images} image, and scaled to the batch")
        lines += [f"{name}: not installed: {install}" for name, install in self.missing.items()]
        return "\n".join(lines)

    def _table(self, race: ConvRace) -> list[str]:
        """A heading and a line for each contestant."""
        width = max(len(row.about) for row in race.rows) + 1
        turns = max(len(row.seconds) for row in race.rows)
        lines = [
            f"{race.shape}, {race.direction}: {race.flops / 1e9:.2f} GFLOP, median of {turns}",
            f"{'':{width}}       ms     IQR     first  GFLOP/s  of peak    error  nnaccel's lead",
        ]
        for row in race.rows:
            ms, iqr, first = (1e3 * s for s in (row.median, row.iqr, row.first))
            lines.append(
                f"{row.about + '*' * row.scaled:{width}} {_digits(ms, 8)} {_digits(iqr, 7)} "
                f"{_digits(first, 9)} {race.gflops(row):8.1f} "
                f"{self.peak_fraction(race, row):8.0%}  {row.error:7.1e}  "
                f"{_digits(row.ratio, 13)}x"
            )
        return lines


def _digits(value: float, width: int) -> str:
    """About three significant digits."""
    return f"{value:{width},.{2 if value < 10 else 1 if value < 100 else 0}f}"
