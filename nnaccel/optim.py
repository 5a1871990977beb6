"""Optimisers: one fused update over a model's flat parameter buffer, with Keras's defaults."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from numbers import Real
from typing import Any

import numpy as np

from nnaccel import _config, schedules
from nnaccel.backends import Array

Schedule = schedules.Schedule


class Optimizer(ABC):
    """Turns gradients into steps.

    Parameters
    ----------
    learning_rate : float or Schedule
        Step size, or a function from the number of updates made so far to it.
    clipnorm : float, optional
        Each parameter's gradient is shrunk to at most this Euclidean norm.
    global_clipnorm : float, optional
        All gradients together are shrunk to at most this Euclidean norm.
    clipvalue : float, optional
        Each gradient element is clipped to [-clipvalue, clipvalue].

    Raises
    ------
    ValueError
        If a setting is out of range, or two ways of clipping are asked for.
    """

    slots: tuple[str, ...] = ()  # names of the state buffers, each as long as the parameters

    def __init__(
        self,
        learning_rate: float | Schedule,
        *,
        clipnorm: float | None = None,
        global_clipnorm: float | None = None,
        clipvalue: float | None = None,
    ) -> None:
        self.learning_rate = learning_rate
        self.clipnorm, self.global_clipnorm, self.clipvalue = clipnorm, global_clipnorm, clipvalue
        asked = {k: v for k, v in self._clipping().items() if v is not None}
        for name, value in asked.items():
            _check_range(name, value, 0, math.inf, open_low=True)
        if len(asked) > 1:
            raise ValueError(f"{' and '.join(asked)} exclude one another: choose one")

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
            _check_range("learning_rate", value, 0, math.inf)
        self._learning_rate: float | Schedule = value

    def rates(self, first: int, count: int) -> np.ndarray:
        """Return the learning rates of updates `first` to ``first + count - 1``."""
        if isinstance(self._learning_rate, Schedule):
            steps = np.arange(first, first + count)
            return np.ascontiguousarray(self._learning_rate(steps), np.float64)
        return np.full(count, self._learning_rate)

    def initial_slots(self, weights: np.ndarray) -> np.ndarray:
        """Return the state before the first update, shape (len(slots), n), on the host."""
        return np.zeros((len(self.slots), weights.size), weights.dtype)

    def clip(self, kernels: Any, gradients: Array, each: list[Array]) -> None:
        """Clip in place the flat buffer `gradients`, of which `each` are the parameters' views."""
        if self.clipvalue is not None:
            kernels.clip_value(gradients, self.clipvalue)
        elif self.global_clipnorm is not None:
            kernels.clip_norm(gradients, self.global_clipnorm)
        elif self.clipnorm is not None:
            for gradient in each:
                kernels.clip_norm(gradient.reshape(-1), self.clipnorm)

    @abstractmethod
    def update(
        self,
        kernels: Any,
        w: Array,
        g: Array,
        slots: Array,
        rate: np.ndarray,
        cursor: np.ndarray,
        steps: np.ndarray,
    ) -> None:
        """Move the flat buffer `w` against the gradient `g`, in place.

        The learning rate is ``rate[cursor[0]]``, and ``steps[0]`` updates came before this one.
        """

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments, as JSON can hold them."""
        rate = self._learning_rate
        kept = schedules.to_config(rate) if isinstance(rate, Schedule) else rate
        return {"learning_rate": kept, **self._clipping(), **self._settings()}

    def _settings(self) -> dict[str, Any]:
        """Return what a subclass adds to `config`."""
        return {}

    def _clipping(self) -> dict[str, float | None]:
        names = ("clipnorm", "global_clipnorm", "clipvalue")
        return {name: getattr(self, name) for name in names}

    def __repr__(self) -> str:
        shown = {k: v for k, v in self.config().items() if v is not None}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in shown.items())})"


class SGD(Optimizer):
    """Stochastic gradient descent, with optional momentum.

    Parameters
    ----------
    learning_rate : float or Schedule, default 0.01
    momentum : float in [0, 1), default 0
    nesterov : bool, default False
        Look ahead along the velocity before stepping.
    **clipping
        As `Optimizer`.

    References
    ----------
    Sutskever, Martens, Dahl and Hinton, "On the importance of initialization and momentum in deep
    learning", ICML 2013.

    Examples
    --------
    >>> SGD(0.1, momentum=0.9)
    SGD(learning_rate=0.1, momentum=0.9, nesterov=False)
    """

    def __init__(
        self,
        learning_rate: float | Schedule = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **clipping: float | None,
    ) -> None:
        super().__init__(learning_rate, **clipping)
        _check_range("momentum", momentum, 0, 1)
        self.momentum, self.nesterov = float(momentum), bool(nesterov)
        self.slots = ("velocity",) if momentum else ()

    def update(
        self,
        kernels: Any,
        w: Array,
        g: Array,
        slots: Array,
        rate: np.ndarray,
        cursor: np.ndarray,
        steps: np.ndarray,
    ) -> None:
        """As `Optimizer.update`."""
        if self.momentum:
            kernels.momentum(w, g, slots[0], self.momentum, self.nesterov, rate, cursor)
        else:
            kernels.sgd(w, g, rate, cursor)

    def _settings(self) -> dict[str, Any]:
        return {"momentum": self.momentum, "nesterov": self.nesterov}


class Adagrad(Optimizer):
    """Adagrad: each parameter's step shrinks with the gradients it has seen.

    Parameters
    ----------
    learning_rate : float or Schedule, default 0.001
    initial_accumulator_value : float, default 0.1
    epsilon : float, default 1e-7
    **clipping
        As `Optimizer`.

    References
    ----------
    Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and stochastic
    optimization", JMLR 12, 2011.
    """

    slots = ("accumulator",)

    def __init__(
        self,
        learning_rate: float | Schedule = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **clipping: float | None,
    ) -> None:
        super().__init__(learning_rate, **clipping)
        _check_range("initial_accumulator_value", initial_accumulator_value, 0, math.inf)
        _check_range("epsilon", epsilon, 0, math.inf)
        self.initial_accumulator_value = float(initial_accumulator_value)
        self.epsilon = float(epsilon)

    def initial_slots(self, weights: np.ndarray) -> np.ndarray:
        """Return the accumulator at its initial value."""
        return np.full((1, weights.size), self.initial_accumulator_value, weights.dtype)

    def update(
        self,
        kernels: Any,
        w: Array,
        g: Array,
        slots: Array,
        rate: np.ndarray,
        cursor: np.ndarray,
        steps: np.ndarray,
    ) -> None:
        """As `Optimizer.update`."""
        kernels.adagrad(w, g, slots[0], self.epsilon, rate, cursor)

    def _settings(self) -> dict[str, Any]:
        return {
            "initial_accumulator_value": self.initial_accumulator_value,
            "epsilon": self.epsilon,
        }


class RMSprop(Optimizer):
    """RMSprop: steps are divided by a running root mean square of the gradient.

    Parameters
    ----------
    learning_rate : float or Schedule, default 0.001
    rho : float in [0, 1), default 0.9
        Decay of the running mean.
    momentum : float in [0, 1), default 0
    epsilon : float, default 1e-7
    **clipping
        As `Optimizer`.

    References
    ----------
    Tieleman and Hinton, "Lecture 6.5: RMSprop", Neural Networks for Machine Learning, 2012.
    """

    def __init__(
        self,
        learning_rate: float | Schedule = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        **clipping: float | None,
    ) -> None:
        super().__init__(learning_rate, **clipping)
        _check_range("rho", rho, 0, 1)
        _check_range("momentum", momentum, 0, 1)
        _check_range("epsilon", epsilon, 0, math.inf)
        self.rho, self.momentum, self.epsilon = float(rho), float(momentum), float(epsilon)
        self.slots = ("mean_square", "velocity") if momentum else ("mean_square",)

    def update(
        self,
        kernels: Any,
        w: Array,
        g: Array,
        slots: Array,
        rate: np.ndarray,
        cursor: np.ndarray,
        steps: np.ndarray,
    ) -> None:
        """As `Optimizer.update`."""
        velocity = slots[1] if self.momentum else w[:0]
        hyper = self.rho, self.momentum, self.epsilon
        kernels.rmsprop(w, g, slots[0], velocity, *hyper, rate, cursor)

    def _settings(self) -> dict[str, Any]:
        return {"rho": self.rho, "momentum": self.momentum, "epsilon": self.epsilon}


class Adam(Optimizer):
    """Adam: momentum over RMSprop, both corrected for their start at zero.

    Parameters
    ----------
    learning_rate : float or Schedule, default 0.001
    beta_1, beta_2 : float in [0, 1), default 0.9 and 0.999
        Decays of the running means of the gradient and of its square.
    epsilon : float, default 1e-7
    **clipping
        As `Optimizer`.

    References
    ----------
    Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015.
    """

    slots = ("mean", "mean_square")
    weight_decay = 0.0

    def __init__(
        self,
        learning_rate: float | Schedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **clipping: float | None,
    ) -> None:
        super().__init__(learning_rate, **clipping)
        _check_range("beta_1", beta_1, 0, 1)
        _check_range("beta_2", beta_2, 0, 1)
        _check_range("epsilon", epsilon, 0, math.inf)
        self.beta_1, self.beta_2, self.epsilon = float(beta_1), float(beta_2), float(epsilon)

    def update(
        self,
        kernels: Any,
        w: Array,
        g: Array,
        slots: Array,
        rate: np.ndarray,
        cursor: np.ndarray,
        steps: np.ndarray,
    ) -> None:
        """As `Optimizer.update`."""
        hyper = self.beta_1, self.beta_2, self.epsilon, self.weight_decay
        kernels.adam(w, g, slots[0], slots[1], *hyper, rate, cursor, steps)

    def _settings(self) -> dict[str, Any]:
        return {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}


class AdamW(Adam):
    """Adam with weight decay that does not pass through the running means.

    Parameters
    ----------
    learning_rate : float or Schedule, default 0.001
    weight_decay : float, default 0.004
        Share of every weight, times the learning rate, taken off at each step.
    beta_1, beta_2, epsilon
        As `Adam`.
    **clipping
        As `Optimizer`.

    References
    ----------
    Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019.
    """

    def __init__(
        self,
        learning_rate: float | Schedule = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **clipping: float | None,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **clipping)
        _check_range("weight_decay", weight_decay, 0, math.inf)
        self.weight_decay = float(weight_decay)

    def _settings(self) -> dict[str, Any]:
        return {"weight_decay": self.weight_decay, **super()._settings()}


_CLASSES: dict[str, type[Optimizer]] = {
    kind.__name__.lower(): kind for kind in (SGD, Adagrad, RMSprop, Adam, AdamW)
}


def get(optimizer: str | Optimizer, **settings: Any) -> Optimizer:
    """Return an optimiser from its name and settings, or the object itself.

    Parameters
    ----------
    optimizer : str or Optimizer
        'sgd', 'adagrad', 'rmsprop', 'adam' or 'adamw', in any case.
    **settings
        For its constructor.

    Raises
    ------
    ValueError
        If the name is unknown; the message has the nearest match.

    Examples
    --------
    >>> get("sgd", learning_rate=0.5)
    SGD(learning_rate=0.5, momentum=0.0, nesterov=False)
    """
    if isinstance(optimizer, Optimizer):
        return optimizer
    if isinstance(optimizer, type):
        raise ValueError(
            f"{optimizer.__name__} is a class: write {optimizer.__name__}() with brackets"
        )
    kind = _CLASSES.get(str(optimizer).lower())
    if kind is None:
        raise ValueError(_config.unknown("optimizer", optimizer, list(_CLASSES)))
    return kind(**settings)


def from_config(name: str, config: dict[str, Any]) -> Optimizer:
    """Return the optimiser that `name` and its `config()` describe."""
    rate = config["learning_rate"]
    rate = schedules.from_config(rate) if isinstance(rate, dict) else rate
    return get(name, **{**config, "learning_rate": rate})


def _check_range(name: str, value: float, low: float, high: float, open_low: bool = False) -> None:
    """Raise a ValueError unless ``low <= value < high`` (``low < value`` if `open_low`)."""
    if not low <= value < high or (open_low and value == low):
        bound = f"{'above' if open_low else 'at least'} {low}"
        raise ValueError(f"{name}={value!r} must be {bound} and below {high}")
