"""Where the time of a training step goes: forward and backward pass of each layer, timed."""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple, Self

import numpy as np

from nnaccel._html import lines as preformatted
from nnaccel._html import table
from nnaccel.backends import Array, Backend
from nnaccel.layers import Backward, Layer
from nnaccel.layers._running import watch
from nnaccel.layers._several import shapes_of
from nnaccel.layers._tree import indented, walk
from nnaccel.model.compiled import CompiledNetwork
from nnaccel.model.explanation import FORWARD, Explanation
from nnaccel.training.batch_loader import BatchLoader
from nnaccel.training.checks import check_pair

_HEAD = ("layer", "", "µs", "share", "GFLOP/s", "", "kernels")
_WARM_UP = 5  # steps that compile kernels and capture graphs

Place = tuple[str, str]  # layer and pass
_NOTHING: Place = ("", "nothing")  # but a row of one addition, between two readings
_NOWHERE: Place = ("", "")  # before and after the step


class Timing(NamedTuple):
    """What one pass of a layer takes in a training step.

    Attributes
    ----------
    layer : str
        The layer's path; 'batch', 'loss' (with the metrics) or 'update' for what belongs to none.
    direction : {'forward', 'backward', ''}
        Backward is the gradients of inputs and weights together.
    kernels : tuple of str
        As in `Step`.
    seconds : float
        Median over the steps.
    share : float
        Of the whole step's seconds.
    gflop : float
        As in `Step`.
    """

    layer: str
    direction: str
    kernels: tuple[str, ...]
    seconds: float
    share: float
    gflop: float

    @property
    def gflops(self) -> float:
        """Billions of floating-point operations of matrix products in a second."""
        return self.gflop / self.seconds if self.seconds else 0.0


class Timings(tuple[Timing, ...]):
    """Timings in the order of the layers; prints as a table.

    Attributes
    ----------
    batch_size : int
        Items of the batch.
    backend : str
        Name and device.
    """

    batch_size: int
    backend: str

    def __new__(cls, timings: Iterable[Timing], batch_size: int, backend: str) -> Self:
        """Make the tuple of timings."""
        made = super().__new__(cls, timings)
        made.batch_size, made.backend = batch_size, backend
        return made

    @property
    def seconds(self) -> float:
        """Of the whole step."""
        return sum(timing.seconds for timing in self)

    def __str__(self) -> str:
        """A header, a line for each pass with a bar, and the sum."""
        rows = [_HEAD, *self._rows()]
        widths = [max(len(row[i]) for row in rows) for i in range(6)]
        lines = []
        for row in rows:
            right = (f"{text:>{width}}" for text, width in zip(row[2:5], widths[2:5], strict=True))
            first = f"{row[0]:<{widths[0]}}", f"{row[1]:<{widths[1]}}"
            lines.append("  ".join([*first, *right, f"{row[5]:<{widths[5]}}", row[6]]).rstrip())
        rule = "-" * max(map(len, lines))
        return "\n".join([lines[0], rule, *lines[1:], rule, self._total()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Show the same in a notebook."""
        return table(_HEAD, self._rows(), "llrrrll") + preformatted([self._total()])

    def _rows(self) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = []
        last = ""
        for timing in self:
            layer = indented(timing.layer) if timing.layer != last else ""
            last = timing.layer
            speed = f"{timing.gflops:.1f}" if timing.gflop else "–"
            bar = "█" * round(30 * timing.share)
            numbers = f"{1e6 * timing.seconds:,.1f}", f"{timing.share:.1%}", speed
            rows.append((layer, timing.direction, *numbers, bar, ", ".join(timing.kernels)))
        return rows

    def _total(self) -> str:
        total = f"{1e6 * self.seconds:,.1f} µs a training step of {self.batch_size:,} items"
        return f"{total} on {self.backend}"


def time_steps(model: CompiledNetwork, plan: Explanation, steps: int) -> Timings:
    """Time each pass of each layer over training steps of a copy of a model, on random inputs.

    What it takes to read the clock, and to interrupt the kernels for it, is measured and taken off.

    Parameters
    ----------
    model : CompiledNetwork
        Built and compiled.
    plan : Explanation
        Of the model.
    steps : int

    Returns
    -------
    Timings
    """
    timed, batch_size = copy.deepcopy(model), plan.batch_size
    with timed.on_backend() as backend:
        clock = _Stopwatch(backend)
        before = watch.set(_timed_by(clock, timed))
        try:
            replay = backend.record(_step(timed, clock, batch_size))
            with np.errstate(all="ignore"):
                for _ in range(_WARM_UP + steps):
                    clock.begin()
                    replay(1)
        finally:
            watch.reset(before)
    seconds = clock.seconds(steps)
    total, made = sum(seconds.values()), []
    for layer, direction in _in_order(timed, seconds):
        is_forward = direction == FORWARD
        own = [s for s in plan if s.layer == layer and (s.direction == FORWARD) == is_forward]
        kernels = tuple(dict.fromkeys(step.kernel for step in own if step.kernel))
        here, gflop = seconds[layer, direction], sum(step.gflop for step in own)
        made.append(Timing(layer, direction, kernels, here, here / total, gflop))
    return Timings(made, batch_size, f"{backend.name}, {backend.device}")


class _Stopwatch:
    """Reads the clock where a step goes from one place to another, at every replay."""

    def __init__(self, backend: Backend) -> None:
        self._backend, self._stack = backend, [_NOWHERE]
        self._steps: list[dict[Place, float]] = []
        self._readings: dict[Place, int] = {}
        self._last = 0.0

    def begin(self) -> None:
        """Begin a step."""
        self._steps.append({})
        self._readings, self._last = {}, time.perf_counter()

    @contextmanager
    def at(self, place: Place) -> Iterator[None]:
        """Count what runs in the block, or is recorded there, for a place."""
        self._read()
        self._stack.append(place)
        yield
        self._read()
        self._stack.pop()

    def _read(self) -> None:
        self._backend.host(partial(self._add, self._stack[-1]))

    def _add(self, place: Place) -> None:
        self._backend.synchronize()
        step, now = self._steps[-1], time.perf_counter()
        step[place] = step.get(place, 0.0) + now - self._last
        self._readings[place] = self._readings.get(place, 0) + 1
        self._last = time.perf_counter()

    def seconds(self, steps: int) -> dict[Place, float]:
        """Return each place's median seconds over the last steps, less what reading took."""
        kept = self._steps[-steps:]
        medians = {place: statistics.median(step[place] for step in kept) for place in kept[0]}
        least = medians.pop(_NOTHING) / self._readings[_NOTHING]
        del medians[_NOWHERE]
        return {p: max(0.0, s - self._readings[p] * least) for p, s in medians.items()}


def _timed_by(clock: _Stopwatch, model: CompiledNetwork) -> Callable[..., Any]:
    """Return what makes of a layer's forward pass one that is timed, with its backward."""
    paths = {id(layer): path for path, layer in walk(model.layers)}

    def watched(layer: Layer, forward: Callable[..., Any]) -> Callable[..., Any]:
        path = paths[id(layer)]

        def run(x: Array, training: bool, activate: bool) -> tuple[Array, Backward]:
            with clock.at((path, FORWARD)):
                y, run_back = forward(x, training, activate)

            def backward(dy: Array, input_gradient: bool) -> Array | None:
                with clock.at((path, "backward")):
                    return run_back(dy, input_gradient)

            return y, backward

        return run

    return watched


def _step(model: CompiledNetwork, clock: _Stopwatch, batch_size: int) -> Callable[[], None]:
    """Return a training step on random inputs, with a learning rate of 0."""
    backend, rng = model.backend, np.random.default_rng(0)
    setup, (units, *size) = model._training_setup(), model.output_shape
    shapes = shapes_of(model.input_shape)
    parts = tuple(rng.random((batch_size, *shape), np.float32) for shape in shapes)
    x = parts if model.takes_several else parts[0]
    y: Any = rng.integers(max(2, units), size=(batch_size, *size))
    if setup.loss.takes in ("numbers", "counts"):
        y = rng.random((batch_size, units, *size))
    loader = BatchLoader(model, *check_pair(model, setup.loss, x, y), batch_size)
    setup.sums.fit_to(loader.targets)
    counter = backend.xp.zeros(1, np.int64)
    schedule = backend.xp.zeros(1), backend.xp.zeros(1, np.int64), model.iterations

    def step() -> None:
        for _ in range(3):
            with clock.at(_NOTHING):
                backend.kernels.advance(counter)
        with clock.at(("batch", "")):
            batch = loader.batch(batch_size)
        with clock.at(("loss", "")):
            setup.find_gradients(*batch)
        with clock.at(("update", "")):
            setup.update(*schedule)

    return step


def _in_order(model: CompiledNetwork, seconds: Collection[Place]) -> Iterator[Place]:
    """Yield the places: the batch, each layer forward and backward, loss and update."""
    for path in ("batch", *(path for path, _ in walk(model.layers)), "loss", "update"):
        yield from (p for d in ("", FORWARD, "backward") if (p := (path, d)) in seconds)
