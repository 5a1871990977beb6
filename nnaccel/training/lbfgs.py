"""Training on all rows at once by L-BFGS, through SciPy."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nnaccel.backends import to_numpy
from nnaccel.layers import Layer
from nnaccel.training.batch_loader import BatchLoader
from nnaccel.training.divergence import DivergenceError
from nnaccel.training.setup import TrainingSetup

Floats = NDArray[np.float64]


class Minimization(NamedTuple):
    """How a minimisation went.

    Attributes
    ----------
    losses : list of float
        The loss after each iteration, with penalties.
    converged : bool
        Whether it ended because the loss no longer falls or the gradient is small.
    evaluations : int
        Times that loss and gradient were computed.
    message : str
        Why it ended, in SciPy's words.
    """

    losses: list[float]
    converged: bool
    evaluations: int
    message: str


def minimize(setup: TrainingSetup, loader: BatchLoader, **options: Any) -> Minimization:
    """Minimise the loss over a loader's rows; the network ends with the last iteration's weights.

    Parameters
    ----------
    setup : TrainingSetup
    loader : BatchLoader
        With one batch of all rows.
    **options
        Of SciPy's L-BFGS-B.

    Raises
    ------
    ValueError
        If no parameter is trained.
    DivergenceError
        If the loss is not finite at the first weights.
    """
    from scipy.optimize import OptimizeResult
    from scipy.optimize import minimize as minimized

    if not setup.network.segments():
        raise ValueError("no layer has parameters to train: set trainable = True of some")
    loss_and_gradient = _Objective(setup, loader)
    start, losses = loss_and_gradient.weights, list[float]()
    if not np.isfinite(loss_and_gradient(start)[0]):
        raise DivergenceError("the loss is not finite at the first weights: scale the inputs")
    latest = start

    def note(intermediate_result: OptimizeResult) -> None:
        nonlocal latest
        latest = intermediate_result.x.copy()
        losses.append(float(intermediate_result.fun))

    try:
        found = minimized(
            loss_and_gradient, start, jac=True, method="L-BFGS-B", callback=note, options=options
        )
    finally:  # also after Ctrl-C, at a point of a line search
        loss_and_gradient.weights = latest
    return Minimization(losses, bool(found.success), int(found.nfev), str(found.message))


def require_smooth(layers: list[Layer]) -> None:
    """Raise a ValueError if a line search could not compare losses, or would leave a constraint."""
    for layer in layers:
        if type(layer).bind is not Layer.bind:
            raise ValueError(
                f"layer {layer.name!r} draws random numbers in training, but a line search "
                "compares losses. To fix: leave it out, or train by fit"
            )
        if layer.constraint:
            raise ValueError(
                f"layer {layer.name!r} has a constraint, which L-BFGS does not keep. To fix: leave "
                "it out, or train by fit"
            )


class _Objective:
    """Loss and gradient of all rows as functions of the weights that are trained."""

    def __init__(self, setup: TrainingSetup, loader: BatchLoader) -> None:
        self._setup, self._rows = setup, loader.rows
        self._places = [segment.place for segment in setup.network.segments()]
        setup.sums.fit_to(loader.targets)
        loader.learn_scale()
        loader.start(np.arange(self._rows))
        self._replay = setup.network.backend.record(
            lambda: setup.find_gradients(*loader.batch(self._rows))
        )

    @property
    def weights(self) -> Floats:
        """The weights that are trained, one after another."""
        return self._joined(self._setup.network.weights)

    @weights.setter
    def weights(self, values: Floats) -> None:
        network, first = self._setup.network, 0
        for place in self._places:
            end = first + network.weights[place].size
            network.weights[place] = network.backend.asarray(values[first:end], network.dtype)
            first = end

    def __call__(self, weights: Floats) -> tuple[float, Floats]:
        self.weights = weights
        self._setup.sums.reset()
        with np.errstate(all="ignore"):
            self._replay(1)
        self._setup.sums.rows = self._rows
        return self._setup.sums.means()["loss"], self._joined(self._setup.network.gradients)

    def _joined(self, flat: Any) -> Floats:
        parts = [to_numpy(flat[place]) for place in self._places]
        return np.concatenate(parts, dtype=np.float64)
