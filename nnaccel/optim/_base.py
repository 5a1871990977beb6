"""The base class of optimisers: learning rate, clipping, and one fused update."""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np

from nnaccel._foreign import refuse_arguments, refuse_attribute
from nnaccel._validate import argument_names, check_range, constructor_arguments, whole_number
from nnaccel.backends import Array, Backend, is_kernels_only, kernels_only, to_numpy
from nnaccel.optim import schedules
from nnaccel.optim.schedules import Schedule
from nnaccel_kernels.segments import Segment

#: Settings that a representation leaves out.
_DEFAULTS = {"use_ema": False, "ema_momentum": 0.99}


@dataclass(frozen=True)
class Clock:
    """Learning rate and step number, in arrays on the backend that recorded kernels read.

    Attributes
    ----------
    rates : array of float64
        Learning rate of each batch of the epoch; NaN for a batch that makes no update.
    batch : array of one int64
        Number of the batch within the epoch.
    steps : array of one int64
        Updates made before this one.
    segments : sequence of Segment
        Which of the parameters are updated, with the settings of their layers; one in array code.
    """

    rates: Array
    batch: Array
    steps: Array
    segments: Sequence[Segment]

    @property
    def learning_rate(self) -> float:
        """The learning rate of this update, times the layers' factor."""
        return float(self.rates[int(self.batch[0])]) * self.segments[0].rate_factor

    @property
    def decays(self) -> bool:
        """Whether weight decay is for these parameters: not for biases and normalisation."""
        return self.segments[0].decays

    @property
    def step(self) -> int:
        """Number of this update; 1 for the first."""
        return int(self.steps[0]) + 1


class Optimizer(ABC):
    """Updates parameters from their gradients.

    A subclass defines `update`, and `slots` if it has state. Where it has a `weight_decay`, this is
    told parameters that it is for from others.

    Parameters
    ----------
    learning_rate : float or Schedule
        Step size, constant or a function of the number of updates made so far.
    clipnorm : float, optional
        Largest Euclidean norm of a parameter's gradient.
    global_clipnorm : float, optional
        Largest Euclidean norm of all gradients together.
    clipvalue : float, optional
        Largest absolute value of a gradient's element.
    use_ema : bool, default False
        Whether to keep exponential moving averages of the parameters, which `fit` ends with.
        Validation and callbacks see the parameters themselves, and `EarlyStopping` restores the
        averages of the best epoch; in a loop of your own, end with
        ``model.assign_average_weights()``.
    ema_momentum : float in [0, 1), default 0.99
        Share of an average that each update keeps.
    gradient_accumulation_steps : int, optional
        Batches, 2 or more, whose mean gradient makes one update. Schedules count updates.

    Raises
    ------
    ValueError
        If a setting is out of range, or more than one kind of clipping is given.
    """

    slots: tuple[str, ...] = ()  # names of the state buffers, each as long as the parameters
    _is_in_place = False  # whether a user's update was seen to change the parameters

    def __init__(
        self,
        learning_rate: float | Schedule,
        *,
        clipnorm: float | None = None,
        global_clipnorm: float | None = None,
        clipvalue: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        gradient_accumulation_steps: int | None = None,
        **unknown: Any,
    ) -> None:
        refuse_arguments(type(self).__name__, unknown, argument_names(type(self)))
        self.learning_rate = learning_rate
        self.clipnorm, self.global_clipnorm, self.clipvalue = clipnorm, global_clipnorm, clipvalue
        asked = {k: v for k, v in self._clipping().items() if v is not None}
        for name, value in asked.items():
            check_range(name, value, 0, math.inf, open_low=True)
        if len(asked) > 1:
            raise ValueError(f"{' and '.join(asked)} exclude one another: choose one")
        if not isinstance(use_ema, bool):
            raise ValueError(f"use_ema={use_ema!r} must be True or False")
        check_range("ema_momentum", ema_momentum, 0, 1)
        if gradient_accumulation_steps is not None:
            whole_number("gradient_accumulation_steps", gradient_accumulation_steps, least=2)
        self.use_ema, self.ema_momentum = use_ema, float(ema_momentum)
        self.gradient_accumulation_steps = gradient_accumulation_steps

    @property
    def learning_rate(self) -> float | Schedule:
        """The step size, or its schedule; may be set between epochs."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float | Schedule) -> None:
        if not isinstance(value, Schedule):
            if not isinstance(value, Real):
                raise TypeError(f"learning_rate must be a number or a Schedule, not {value!r}")
            value = float(value)
            check_range("learning_rate", value, 0, math.inf)
        self._learning_rate: float | Schedule = value

    def __setattr__(self, name: str, value: Any) -> None:
        kind = type(self)
        # Those of users may keep what they like.
        if kind.__module__.startswith("nnaccel.") and not (name[0] == "_" or hasattr(kind, name)):
            settings = argument_names(kind)
            if name not in settings:
                refuse_attribute(kind.__name__, name, settings)
        super().__setattr__(name, value)

    def rates(self, first: int, count: int) -> np.ndarray:
        """Return the learning rates of batches `first` to ``first + count - 1``."""
        if isinstance(self._learning_rate, Schedule):
            steps = np.arange(first, first + count) // (self.gradient_accumulation_steps or 1)
            return np.ascontiguousarray(self._learning_rate(steps), np.float64)
        return np.full(count, self._learning_rate)

    @property
    def buffers(self) -> tuple[str, ...]:
        """Names of all that is as long as the parameters: slots, averages, summed gradients."""
        average = ("average",) if self.use_ema else ()
        return (*self.slots, *average, *(["accumulated"] * bool(self.gradient_accumulation_steps)))

    def initial_state(self, weights: np.ndarray) -> np.ndarray:
        """Return the initial values of all buffers, shape (len(buffers), n), on the host."""
        state = np.zeros((len(self.buffers), weights.size), weights.dtype)
        state[: len(self.slots)] = self.initial_slots(weights)
        if self.use_ema:
            state[self.buffers.index("average")] = weights
        return state

    def initial_slots(self, weights: np.ndarray) -> np.ndarray:
        """Return the initial state, shape (len(slots), n), on the host."""
        return np.zeros((len(self.slots), weights.size), weights.dtype)

    @kernels_only
    def clip(self, kernels: Any, gradients: Array, each: list[Array]) -> None:
        """Clip the flat buffer `gradients` in place; `each` has the view of each parameter."""
        if self.clipvalue is not None:
            kernels.clip_value(gradients, self.clipvalue)
        elif self.global_clipnorm is not None:
            kernels.clip_norm(gradients, self.global_clipnorm)
        elif self.clipnorm is not None:
            for gradient in each:
                kernels.clip_norm(gradient.reshape(-1), self.clipnorm)

    @abstractmethod
    def update(self, w: Array, g: Array, slots: Sequence[Array], clock: Clock) -> None:
        """Update the parameters and the state, in place.

        Parameters
        ----------
        w, g : array, shape (n,)
            Parameters and gradients of one or more layers.
        slots : sequence of array, shape (n,)
            State, in the order of the class's `slots`; zeros before the first update.
        clock : Clock
            Has `learning_rate` and `step` of this update, and `decays`.
        """

    def apply(
        self, backend: Backend, w: Array, g: Array, slots: Sequence[Array], clock: Clock
    ) -> None:
        """Run `update` now, or record it: one in array code as a host row for each segment.

        A NaN learning rate skips the update, as in the kernels.
        """
        if is_kernels_only(self.update):
            self.update(w, g, slots, clock)
            return
        for segment in clock.segments:
            views = w[segment.place], g[segment.place], tuple(slot[segment.place] for slot in slots)
            whole = segment._replace(start=0, stop=segment.stop - segment.start)  # of the views
            self._apply_in_array_code(backend, *views, replace(clock, segments=(whole,)))

    def _apply_in_array_code(
        self, backend: Backend, w: Array, g: Array, slots: Sequence[Array], clock: Clock
    ) -> None:
        """Run `update` for one segment now, or record it."""

        def run() -> None:
            rate = clock.learning_rate
            if math.isnan(rate):
                return
            before = None if self._is_in_place or rate == 0 else w.copy()
            update: Callable[..., Any] = self.update
            returned = update(w, g, slots, clock)
            if before is not None:
                self._require_in_place(returned, before, w, g)
                self._is_in_place = True

        backend.host(run)

    def _require_in_place(self, returned: Any, before: Array, w: Array, g: Array) -> None:
        """Raise or warn if a user's update seems not to have changed w in place."""
        name = type(self).__name__
        if returned is not None:
            raise TypeError(
                f"{name}.update returned {type(returned).__name__}; expected nothing. To fix: "
                "change w in place, as in w -= clock.learning_rate * g"
            )
        if np.array_equal(to_numpy(before), to_numpy(w)) and to_numpy(g).any():
            warnings.warn(
                f"the first call of {name}.update changed no weight: it must change w in place, as "
                "in w -= clock.learning_rate * g",
                UserWarning,
                stacklevel=2,
            )

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments, as JSON values."""
        config = constructor_arguments(self)
        if isinstance(self._learning_rate, Schedule):
            config["learning_rate"] = schedules.to_config(self._learning_rate)
        return config

    def _clipping(self) -> dict[str, float | None]:
        names = ("clipnorm", "global_clipnorm", "clipvalue")
        return {name: getattr(self, name) for name in names}

    def __repr__(self) -> str:
        shown = {k: v for k, v in self.config().items() if v not in (None, _DEFAULTS.get(k))}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in shown.items())})"
