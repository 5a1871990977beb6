"""A search for a learning rate: a short training in which it rises."""

from __future__ import annotations

import copy
import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nnaccel._validate import check_range, whole_number
from nnaccel.layers._several import Several
from nnaccel.model.sequential import Sequential
from nnaccel.training.checks import check_pair
from nnaccel.training.inputs import as_numbers, as_several

_MEMORY = 0.9  # of the moving average of the losses
_TOO_BAD = 3.0  # times the size of the best loss: what is worse by more ends the search
_UNSTEADY = 10  # first losses, each the average of few: how they fall says little


class LearningRates(NamedTuple):
    """Losses of a training in which the learning rate rose.

    Attributes
    ----------
    rates, losses : array, shape (steps,)
        Learning rate of each step, and the loss after it, averaged over the steps before.
    suggested : float
        The rate at which the loss fell fastest.
    """

    rates: NDArray[np.float64]
    losses: NDArray[np.float64]
    suggested: float


def find_learning_rate(
    model: Sequential,
    x: Any,
    y: Any,
    *,
    low: float = 1e-6,
    high: float = 1.0,
    steps: int = 100,
    batch_size: int = 32,
) -> LearningRates:
    """Train a copy of a model on batches with learning rates that rise, each by the same factor.

    It ends early if the loss is NaN, or exceeds the best one by three times its size. The model
    itself stays as it is.

    Parameters
    ----------
    model : Sequential
        Compiled.
    x, y : array_like
        As for `fit`.
    low, high : float, default 1e-6 and 1.0
        First and last learning rate.
    steps : int, default 100
        Number of batches; 10 at least.
    batch_size : int, default 32
        Rows of a batch, drawn at random by the model's seed.

    Returns
    -------
    LearningRates
        To draw with `nnaccel.plot.learning_rates`.

    Raises
    ------
    ValueError
        If a setting is out of range, or data do not fit.

    References
    ----------
    L. N. Smith, "Cyclical learning rates for training neural networks", WACV 2017.

    Examples
    --------
    >>> import nnaccel as nn
    >>> (x, y), _ = nn.data.digits()
    >>> model = nn.Sequential([nn.Dense(32, "relu"), nn.Dense(10, "softmax")], seed=0)
    >>> model.compile("categorical_crossentropy", "adam")
    >>> found = nn.find_learning_rate(model, x, y)
    >>> 1e-4 < found.suggested < 0.1
    True
    """
    check_range("low", low, 0, math.inf, open_low=True)
    check_range("high", high, low, math.inf, open_low=True)
    steps, batch_size = (
        whole_number("steps", steps, least=10),
        whole_number("batch_size", batch_size),
    )
    tried = copy.deepcopy(model)
    x, y = as_several(tried, x), as_numbers(y, "targets")
    x = x if isinstance(x, Several) else as_numbers(x, "inputs")
    with tried.on_backend():  # all rows, since a batch has only some
        check_pair(tried, tried._require_compiled().loss, x, y)
    rng = np.random.default_rng([model.seed, 4])
    rates, losses, mean = np.geomspace(low, high, steps), [], 0.0
    for number, rate in enumerate(rates, 1):
        rows = rng.integers(0, len(x), min(batch_size, len(x)))
        tried.optimizer.learning_rate = float(rate)
        loss = tried.train_on_batch(x[rows], y[rows], return_dict=True)["loss"]
        mean = _MEMORY * mean + (1 - _MEMORY) * loss
        losses.append(mean / (1 - _MEMORY**number))  # as in Adam: the average began at 0
        best = min(losses)
        if not losses[-1] - best <= _TOO_BAD * abs(best):  # true for NaN
            break
    kept = np.array([loss for loss in losses if math.isfinite(loss)])
    rates = rates[: len(kept)]
    if len(kept) < 3:
        raise ValueError(f"the loss was not finite at a rate of {low:g}: give a smaller low")
    first = min(_UNSTEADY, len(kept) // 2)
    fastest = first + np.gradient(kept, np.log(rates))[first:].argmin()
    return LearningRates(rates, kept, float(rates[fastest]))
