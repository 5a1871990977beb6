"""What GPU benchmarks found: rows, the table of them, and running them one by one."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from benchmarks.gpu.pytorch import EAGER, GRAPH

OURS, COPY = "nnaccel", "device copy"
MEASURED, FAILED, NOT_RUN = "measured", "failed", "not yet run on a GPU"
HEADER = ("work", OURS, EAGER, GRAPH, "ratio")
RIVALS = (EAGER, GRAPH, COPY)
FOOT = """\
ratio: above one nnaccel is the faster.
ms: PyTorch's better time over nnaccel's. TFLOP/s: nnaccel's over PyTorch's.
GB/s: nnaccel's over that of a copy on the device; what is read or written counts once."""


@dataclass(frozen=True)
class Row:
    """Measurements of one piece of work, by contestant.

    Attributes
    ----------
    work : str
    unit : str
        'ms', of which less is better; or 'GB/s' or 'TFLOP/s'.
    values : dict of str to float
        nnaccel's under `OURS`.
    errors : dict of str to float
        Relative Frobenius errors, found before anything was timed.
    notes : dict of str to float
        What else is worth keeping.
    """

    work: str
    unit: str
    values: dict[str, float]
    errors: dict[str, float] = field(default_factory=dict)
    notes: dict[str, float] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """How many times as fast nnaccel is as the best rival on the GPU; None without one."""
        rivals = [self.values[name] for name in RIVALS if name in self.values]
        if not rivals:
            return None
        ours = self.values[OURS]
        return min(rivals) / ours if self.unit == "ms" else ours / max(rivals)

    def amount(self, name: str) -> str:
        """A contestant's value with its unit; a dash if it did not take part."""
        if name not in self.values:
            return "-"
        value, unit = self.values[name], self.unit
        value, unit = (value / 1e3, "s") if unit == "ms" and value >= 1e3 else (value, unit)
        digits = max(0, 2 - math.floor(math.log10(value))) if value > 0 else 0
        return f"{value:,.{digits}f} {unit}"


@dataclass(frozen=True)
class Outcome:
    """What became of a benchmark."""

    name: str
    status: str
    rows: tuple[Row, ...] = ()
    error: str = ""


Benchmark = Callable[[], Iterable[Row]]


def run_all(
    benchmarks: Mapping[str, Benchmark],
    obstacle: Callable[[], str],
    keep: Callable[[list[Outcome]], object],
) -> list[Outcome]:
    """Run benchmarks while nothing is in the way; one that fails does not stop the others.

    Parameters
    ----------
    benchmarks : mapping of str to callable
    obstacle : callable
        Asked before each why it cannot be run; an empty answer lets it begin.
    keep : callable
        Given all outcomes so far after each, so that they outlive a crash.
    """
    outcomes: list[Outcome] = []
    for name, benchmark in benchmarks.items():
        if why := obstacle():
            print(f"{name}: left out, {why}", flush=True)
            outcomes.append(Outcome(name, NOT_RUN))
            continue
        try:
            outcomes.append(Outcome(name, MEASURED, tuple(benchmark())))
            for row in outcomes[-1].rows:
                found = ", ".join(f"{who} {row.amount(who)}" for who in row.values)
                print(f"{row.work}: {found}", flush=True)
        except Exception as error:
            traceback.print_exc()
            text = f"{type(error).__name__}: {error}"
            print(f"{name}: failed: {text}", flush=True)
            outcomes.append(Outcome(name, FAILED, error=text))
        keep(outcomes)
    keep(outcomes)
    return outcomes


def table(outcomes: Iterable[Outcome]) -> str:
    """A line for each row, and for each benchmark that gave none."""
    lines = [HEADER]
    for outcome in outcomes:
        for row in outcome.rows:
            ratio = "-" if row.ratio is None else f"{row.ratio:.2f}"
            lines.append((row.work, *map(row.amount, HEADER[1:-1]), ratio))
        if not outcome.rows:
            lines.append((outcome.name, outcome.status, "-", "-", "-"))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    return "\n".join([*padded, FOOT])
