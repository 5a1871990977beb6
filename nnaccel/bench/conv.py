"""The benchmark of single convolutions, forward and backward, in nnaccel and other libraries."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from nnaccel._validate import unknown_name
from nnaccel.backends import to_numpy
from nnaccel.bench.conv_problem import ConvContestant, ConvProblem, Floats, Results
from nnaccel.bench.conv_report import DIRECTIONS, ConvRace, ConvReport, ConvRow
from nnaccel.bench.machine import measure_machine
from nnaccel.bench.peers import CONV_GROUPS, CONV_NNACCEL, CONV_PEERS, Peer, expand_names
from nnaccel.bench.problem import DisagreementError
from nnaccel.bench.shapes import ConvShape, expand_shapes
from nnaccel.bench.timing import Timing, measure, progress, require_turns, take_short_turns

#: Largest accepted error of each result, relative to the largest element of the float64 result. dw
#: and db are sums over all pixels of a batch, where PyTorch's own error is nearly 2e-5.
TOLERANCES = {"y": 2e-5, "dx": 2e-5, "dw": 1e-4, "db": 1e-4}
#: Least seconds of a turn; shorter calls are repeated.
_TURN = 0.05
_NAMES = {"forward": ("y",), "backward": ("dx", "dw", "db")}


def run_conv(
    shapes: Iterable[str] = ("all",),
    against: Sequence[str] = ("naive", "numpy", "torch"),
    repeats: int = 7,
    backend: str = "numba",
    directions: Sequence[str] = DIRECTIONS,
) -> ConvReport:
    """Time nnaccel's `ops.conv2d` and `ops.conv2d_backward` against other libraries.

    All contestants get the same float32 arrays, and their first results are compared with float64
    before any timing.

    Parameters
    ----------
    shapes : iterable of str
        Names, groups or notations, as for `nnaccel.bench.shapes.expand_shapes`.
    against : sequence of str
        Names of `nnaccel.bench.peers.CONV_PEERS`, or ``"all"``. Those that are not installed are
        listed in the report.
    repeats : int
        Turns after the first call.
    backend : str
        nnaccel's backend.
    directions : sequence of str
        ``"forward"``, ``"backward"`` (all three gradients) or both.

    Returns
    -------
    ConvReport
        Print it for tables; `to_json` for a file.

    Raises
    ------
    ValueError
        For an unknown shape, peer or direction, or fewer than one repeat.
    DisagreementError
        If a contestant's results are off by more than `TOLERANCES`.

    Examples
    --------
    >>> report = run_conv(["2x3x8x8-k4-3x3"], ["numpy"], repeats=1, backend="numpy")
    >>> [row.name for row in report.races[0].rows]
    ['nnaccel', 'nnaccel_channels_last', 'numpy']
    """
    require_turns(repeats)
    for direction in directions:
        if direction not in DIRECTIONS:
            raise ValueError(unknown_name("direction", direction, DIRECTIONS))
    wanted = expand_names(against, CONV_PEERS, CONV_GROUPS)
    convolutions = expand_shapes(shapes)
    runners = {
        name: replace(peer, options={"backend": backend}) for name, peer in CONV_NNACCEL.items()
    }
    runners |= {name: CONV_PEERS[name] for name in wanted if CONV_PEERS[name].available}
    if "torch_backend" in runners and backend == "cupy":  # the yardstick on the same device
        runners["torch_backend"] = replace(
            runners["torch_backend"], options={"backend": "torch:cuda"}
        )
    return ConvReport(
        backend=backend,
        tolerances=TOLERANCES,
        machine=measure_machine(),
        races=tuple(
            race
            for i, shape in enumerate(convolutions)
            for race in _race(shape, runners, repeats, directions, f"{i + 1}/{len(convolutions)} ")
        ),
        missing={n: CONV_PEERS[n].install for n in wanted if not CONV_PEERS[n].available},
    )


def _race(
    shape: ConvShape,
    runners: Mapping[str, Peer],
    repeats: int,
    directions: Sequence[str],
    which: str,
) -> Iterable[ConvRace]:
    """Yield a benchmark for each direction; `which` of how many shapes is for the progress."""
    progress(f"{which}{shape}: drawing numbers")
    problem = ConvProblem.draw(shape)
    contestants = {name: peer.make(problem) for name, peer in runners.items()}
    for direction in directions:
        title = f"{which}{shape}, {direction}: "
        first, errors = _first_calls(title, problem, contestants, direction)
        timings = _time(title, contestants, first, repeats, direction)
        yield ConvRace(
            shape=str(shape),
            direction=direction,
            flops=shape.flops * len(_costly(direction)),
            rows=tuple(
                ConvRow(
                    name=name,
                    about=runners[name].about,
                    first=timing.first,
                    seconds=timing.seconds,
                    ratio=timing.ratio_to(timings["nnaccel"]),
                    error=errors[name],
                    images=contestants[name].problem.shape.batch_size,
                    batch_size=shape.batch_size,
                )
                for name, timing in timings.items()
            ),
        )


def _costly(direction: str) -> tuple[str, ...]:
    """Results that take the full operation count of the definition: y, or dx and dw."""
    return tuple(name for name in _NAMES[direction] if name != "db")


def _first_calls(
    title: str, problem: ConvProblem, contestants: Mapping[str, ConvContestant], direction: str
) -> tuple[dict[str, float], dict[str, float]]:
    """Call each contestant once; return seconds and errors, after checking the errors."""
    answers: dict[int, Results] = {}
    first, errors = {}, {}
    for name, contestant in contestants.items():
        progress(f"{title}first call of {name}")
        first[name], results = measure(getattr(contestant, direction))
        images = contestant.problem.shape.batch_size
        if images not in answers:
            answers[images] = answer(contestant.problem, direction)
        errors[name] = check(
            f"{problem.shape}, {direction}: {name}", direction, results, answers[images]
        )
    return first, errors


def answer(problem: ConvProblem, direction: str) -> Results:
    """Compute in float64, with PyTorch if it is installed, else with the reference kernels."""
    peer = CONV_PEERS["torch"] if CONV_PEERS["torch"].available else CONV_PEERS["numpy"]
    results: Results = getattr(peer.make(problem.astype(np.float64)), direction)()
    return results


def check(title: str, direction: str, results: Results, answers: Results) -> float:
    """Return the largest error of the results, relative to the largest element of each answer.

    Raises
    ------
    DisagreementError
        If a result exceeds its tolerance, or is NaN; the message names the contestant and result.
    """
    errors = {
        name: _error(result, exact)
        for name, result, exact in zip(_NAMES[direction], results, answers, strict=True)
    }
    wrong = [f"{name} by {e:.1e}" for name, e in errors.items() if not e <= TOLERANCES[name]]
    if wrong:
        raise DisagreementError(f"{title} is off: {', '.join(wrong)} of the largest number")
    return max(errors.values())


def _error(result: Floats, exact: Floats) -> float:
    if result.shape != exact.shape:
        return math.inf
    return float(np.abs(to_numpy(result) - to_numpy(exact)).max() / np.abs(exact).max())


def _time(
    title: str,
    contestants: Mapping[str, ConvContestant],
    first: Mapping[str, float],
    repeats: int,
    direction: str,
) -> dict[str, Timing]:
    """Time in turns; for a contestant on fewer images, scale its first call to the batch."""
    batch_size = max(c.problem.shape.batch_size for c in contestants.values())
    runs, timings = {}, {}
    for name, contestant in contestants.items():
        images = contestant.problem.shape.batch_size
        if images == batch_size:
            runs[name] = getattr(contestant, direction)
        else:
            scaled = first[name] * batch_size / images
            timings[name] = Timing(scaled, (scaled,))
    seconds = take_short_turns(runs, repeats, seconds=_TURN, title=title)
    timings |= {name: Timing(first[name], seconds[name]) for name in runs}
    return {name: timings[name] for name in contestants}
