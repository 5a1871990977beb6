"""Learning-rate schedules: functions of the number of updates."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from numbers import Real
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from nnaccel._validate import unknown_name

Floats = NDArray[np.float64]


class Schedule(ABC):
    """A learning rate as a function of the step, counted from 0; a frozen dataclass."""

    @overload
    def __call__(self, steps: int) -> float: ...

    @overload
    def __call__(self, steps: NDArray[np.integer[Any]]) -> Floats: ...

    def __call__(self, steps: int | NDArray[np.integer[Any]]) -> float | Floats:
        """Return the learning rate of one step or of many.

        Parameters
        ----------
        steps : int or array of int
            Number of updates made before.

        Returns
        -------
        float, or float64 array of the shape of `steps`
        """
        rates = self._rates(np.asarray(steps, np.float64))
        return float(rates) if np.ndim(steps) == 0 else rates

    @abstractmethod
    def _rates(self, t: Floats) -> Floats:
        """Learning rates at steps `t`."""


@dataclass(frozen=True)
class ExponentialDecay(Schedule):
    """``initial_learning_rate * decay_rate ** (t / decay_steps)``.

    Parameters
    ----------
    initial_learning_rate : float
        Rate of step 0.
    decay_steps : int
        Steps in which the rate is multiplied by `decay_rate`.
    decay_rate : float
        Above 0.
    staircase : bool, default False
        Whether the rate falls at every `decay_steps` only, instead of at each step.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Examples
    --------
    >>> ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5)(np.array([0, 10, 20]))
    array([0.1  , 0.05 , 0.025])
    """

    initial_learning_rate: float
    decay_steps: int
    decay_rate: float
    staircase: bool = False

    def __post_init__(self) -> None:
        _check(self, at_least_0=["initial_learning_rate"], above_0=["decay_steps", "decay_rate"])

    def _rates(self, t: Floats) -> Floats:
        power = t / self.decay_steps
        return self.initial_learning_rate * self.decay_rate ** (
            np.floor(power) if self.staircase else power
        )


@dataclass(frozen=True)
class StepDecay(Schedule):
    """The rate is multiplied by `gamma` every `step_size` steps.

    Parameters
    ----------
    initial_learning_rate : float
        Rate of the first `step_size` steps.
    step_size : int
        Steps between two changes.
    gamma : float, default 0.1
        Above 0.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Examples
    --------
    >>> StepDecay(1.0, step_size=2)(np.arange(5))
    array([1.  , 1.  , 0.1 , 0.1 , 0.01])
    """

    initial_learning_rate: float
    step_size: int
    gamma: float = 0.1

    def __post_init__(self) -> None:
        _check(self, at_least_0=["initial_learning_rate"], above_0=["step_size", "gamma"])

    def _rates(self, t: Floats) -> Floats:
        return self.initial_learning_rate * self.gamma ** (t // self.step_size)


@dataclass(frozen=True)
class CosineDecay(Schedule):
    """Half a cosine down to ``alpha`` times the peak, after an optional linear warm-up to it.

    Parameters
    ----------
    initial_learning_rate : float
        Rate of step 0, and the peak unless `warmup_target` is given.
    decay_steps : int
        Steps of the decay, after which the rate is constant.
    alpha : float, default 0
        Final rate as a fraction of the peak.
    warmup_target : float, optional
        The peak, reached from `initial_learning_rate` in `warmup_steps`.
    warmup_steps : int, default 0
        Steps of warm-up before the decay.

    Raises
    ------
    ValueError
        If an argument is out of its range, or there are `warmup_steps` and no `warmup_target`.

    References
    ----------
    Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017.

    Examples
    --------
    >>> CosineDecay(0.2, decay_steps=4)(np.arange(6)).round(3)
    array([0.2  , 0.171, 0.1  , 0.029, 0.   , 0.   ])
    """

    initial_learning_rate: float
    decay_steps: int
    alpha: float = 0.0
    warmup_target: float | None = None
    warmup_steps: int = 0

    def __post_init__(self) -> None:
        names = ["initial_learning_rate", "alpha", "warmup_steps"]
        if self.warmup_target is not None:
            names.append("warmup_target")
        _check(self, at_least_0=names, above_0=["decay_steps"])
        if self.warmup_steps and self.warmup_target is None:
            raise ValueError(f"warmup_steps={self.warmup_steps} need a warmup_target to rise to")

    def _rates(self, t: Floats) -> Floats:
        peak = self.initial_learning_rate if self.warmup_target is None else self.warmup_target
        progress = np.clip((t - self.warmup_steps) / self.decay_steps, 0, 1)
        descent = peak * (self.alpha + (1 - self.alpha) * 0.5 * (1 + np.cos(np.pi * progress)))
        return _rise(t, self.warmup_steps, self.initial_learning_rate, peak, descent)


@dataclass(frozen=True)
class PiecewiseConstantDecay(Schedule):
    """A constant rate in each interval of steps.

    Parameters
    ----------
    boundaries : sequence of int
        Last step of each interval but the final one, in increasing order.
    values : sequence of float
        The rates, one more than boundaries.

    Raises
    ------
    ValueError
        If the boundaries do not rise, or the number of values does not fit.

    Examples
    --------
    >>> PiecewiseConstantDecay([1, 3], [0.3, 0.2, 0.1])(np.arange(5))
    array([0.3, 0.3, 0.2, 0.2, 0.1])
    """

    boundaries: Sequence[int]
    values: Sequence[float]

    def __post_init__(self) -> None:
        for name in ("boundaries", "values"):
            numbers = _plain(getattr(self, name))
            if not isinstance(numbers, list) or not all(map(_is_number, numbers)):
                raise ValueError(f"{name}={numbers!r} must be a list of numbers of at least 0")
            object.__setattr__(self, name, tuple(numbers))
        if any(a >= b for a, b in zip(self.boundaries, self.boundaries[1:], strict=False)):
            raise ValueError(f"boundaries={self.boundaries} must rise from each to the next")
        if len(self.values) != len(self.boundaries) + 1:
            raise ValueError(
                f"{len(self.boundaries)} boundaries separate {len(self.boundaries) + 1} values; "
                f"got {len(self.values)}"
            )

    def _rates(self, t: Floats) -> Floats:
        return np.array(self.values, np.float64)[np.searchsorted(self.boundaries, t)]


@dataclass(frozen=True)
class Warmup(Schedule):
    """Linear warm-up from `start` to the first rate of another schedule.

    Parameters
    ----------
    schedule : Schedule or float
        Schedule or rate after the warm-up; its steps count from 0 there.
    steps : int
        Steps of warm-up.
    start : float, default 0
        Rate of step 0.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1 hour", arXiv:1706.02677.

    Examples
    --------
    >>> Warmup(StepDecay(0.4, step_size=1, gamma=0.5), steps=2)(np.arange(5))
    array([0. , 0.2, 0.4, 0.2, 0.1])
    """

    schedule: Schedule | float
    steps: int
    start: float = 0.0

    def __post_init__(self) -> None:
        numbers = ["start"] if isinstance(self.schedule, Schedule) else ["schedule", "start"]
        _check(self, at_least_0=numbers, above_0=["steps"])

    def _rates(self, t: Floats) -> Floats:
        if isinstance(self.schedule, Schedule):
            peak = self.schedule(0)
            after = self.schedule._rates(np.maximum(t - self.steps, 0))
        else:
            peak = self.schedule
            after = np.full_like(t, peak)
        return _rise(t, self.steps, self.start, peak, after)


_CLASSES: dict[str, type[Schedule]] = {
    cls.__name__: cls
    for cls in (ExponentialDecay, CosineDecay, PiecewiseConstantDecay, StepDecay, Warmup)
}


def to_config(schedule: Schedule) -> dict[str, Any]:
    """Return a schedule's name and arguments, as JSON values.

    Examples
    --------
    >>> to_config(StepDecay(0.1, step_size=100))
    {'name': 'StepDecay', 'initial_learning_rate': 0.1, 'step_size': 100, 'gamma': 0.1}
    """
    arguments = {f.name: _plain(getattr(schedule, f.name)) for f in fields(schedule)}  # type: ignore[arg-type]
    return {"name": type(schedule).__name__, **arguments}


def from_config(config: Mapping[str, Any]) -> Schedule:
    """Return a schedule from the result of `to_config`.

    Raises
    ------
    ValueError
        If the name or an argument is unknown.

    Examples
    --------
    >>> from_config({"name": "StepDecay", "initial_learning_rate": 0.1, "step_size": 100})
    StepDecay(initial_learning_rate=0.1, step_size=100, gamma=0.1)
    """
    arguments = dict(config)
    name = arguments.pop("name", None)
    if not isinstance(name, str) or name not in _CLASSES:
        raise ValueError(unknown_name("schedule", name, tuple(_CLASSES)))
    if isinstance(arguments.get("schedule"), Mapping):
        arguments["schedule"] = from_config(arguments["schedule"])
    try:
        return _CLASSES[name](**arguments)
    except TypeError:
        known = ", ".join(f.name for f in fields(_CLASSES[name]))  # type: ignore[arg-type]
        raise ValueError(f"{name} takes {known}; got {', '.join(arguments)}") from None


def _rise(t: Floats, steps: float, start: float, peak: float, after: Floats) -> Floats:
    """Linear from `start` to `peak` in `steps`, then `after`."""
    return np.where(t < steps, start + (peak - start) * t / max(steps, 1), after)


def _check(schedule: Schedule, at_least_0: list[str], above_0: list[str]) -> None:
    """Raise a ValueError for arguments that are not finite numbers in these ranges."""
    for name in at_least_0 + above_0:
        value = getattr(schedule, name)
        if not _is_number(value) or (name in above_0 and value == 0):
            least = "above 0" if name in above_0 else "of at least 0"
            raise ValueError(f"{name}={value!r} must be a number {least}")


def _is_number(value: object) -> bool:
    """Whether this is a finite number of at least 0."""
    return isinstance(value, Real) and 0 <= float(value) < math.inf


def _plain(value: Any) -> Any:
    """Return the value as JSON types."""
    if isinstance(value, Schedule):
        return to_config(value)
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else value
