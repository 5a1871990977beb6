"""Checks of gradients against finite differences, and of backends against each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nnaccel.backends import to_numpy
from nnaccel.model.sequential import Sequential
from nnaccel.training.batch_loader import BatchLoader
from nnaccel.training.checks import check_pair
from nnaccel.training.setup import TrainingSetup


def gradcheck(
    model: Any,
    x: Any,
    y: Any = None,
    *,
    backward: Callable[..., Any] | None = None,
    epsilon: float = 1e-5,
    rtol: float = 1e-5,
    atol: float = 1e-8,
    seed: int = 0,
) -> None:
    """Check analytic gradients against central differences along random directions.

    For a function f with backward b, the inner product of ``b(u)`` with a random direction v must
    equal that of u with the derivative of f along v, for a random u. Directions have length one:
    longer steps would cross kinks of ReLU in a large network.

    Parameters
    ----------
    model : Sequential or callable
        A compiled float64 model, whose gradient with respect to all parameters is checked; or a
        function of arrays.
    x : array, or sequence of arrays
        The model's inputs, or the function's arguments, float64.
    y : array, optional
        The model's targets.
    backward : callable, optional
        Backward of a function: takes dy and the arguments, and returns the gradient of each
        argument, or None to skip it.
    epsilon : float
        Length of the step to either side, over all parameters or a whole argument.
    rtol, atol : float
        Tolerances of the comparison.
    seed : int
        Seed of the directions.

    Raises
    ------
    AssertionError
        If they differ; the message has both numbers.
    TypeError
        If the model or an argument is not float64.

    Examples
    --------
    >>> from nnaccel import ops
    >>> x, w = np.random.default_rng(0).normal(size=(2, 3, 3))
    >>> gradcheck(ops.linear, (x, w), backward=lambda dy, x, w: ops.linear_backward(dy, x, w)[:2])
    """
    rng = np.random.default_rng(seed)
    if isinstance(model, Sequential):
        _check_model(model, x, y, epsilon, rtol, atol, rng)
    elif backward is None:
        raise TypeError("gradcheck of a function needs backward=")
    else:
        _check_function(model, backward, x, epsilon, rtol, atol, rng)


def _check_model(
    model: Sequential, x: Any, y: Any, epsilon: float, rtol: float, atol: float, rng: Any
) -> None:
    """Compare the model's gradient with differences of its loss along a random direction."""
    if model.dtype != np.float64:
        raise TypeError(
            f"gradcheck needs a float64 model, not {model.policy.name}: make it with "
            "Sequential(layers, dtype='float64')"
        )
    with model.on_backend():
        evaluate = _loss_and_gradient(model, x, y)
        weights = model.weights
        direction = np.zeros(weights.shape)
        for segment in model.segments():
            direction[segment.place] = 1
        direction = model.backend.asarray(_direction(rng, weights.shape) * direction)
        analytic = float((evaluate()[1] * direction).sum())
        start = weights.copy()
        ends = []
        try:
            for sign in (1, -1):
                weights[...] = start + sign * epsilon * direction
                ends.append(evaluate()[0])
        finally:
            weights[...] = start
    _compare(analytic, (ends[0] - ends[1]) / (2 * epsilon), rtol, atol, "the model's parameters")


def _loss_and_gradient(model: Sequential, x: Any, y: Any) -> Callable[[], tuple[float, Any]]:
    """Return a function that returns the loss with penalties, and the flat gradient."""
    compiled = model._require_compiled()
    x, targets = check_pair(model, compiled.loss, x, y)
    rows, loader = len(x), BatchLoader(model, x, targets, len(x))
    setup = TrainingSetup(model, compiled.loss, compiled.optimizer, [])

    def evaluate() -> tuple[float, Any]:
        setup.sums.reset()
        states = model.states.copy()
        setup.find_gradients(*loader.batch(rows))
        model.states[...] = states
        setup.sums.rows = rows
        return setup.sums.means()["loss"], model.gradients.copy()

    return evaluate


def _check_function(
    function: Callable[..., Any],
    backward: Callable[..., Any],
    args: Any,
    epsilon: float,
    rtol: float,
    atol: float,
    rng: Any,
) -> None:
    """Compare a function's backward with differences, argument by argument."""
    args = list(args) if isinstance(args, (tuple, list)) else [args]
    for index, arg in enumerate(args):
        if str(getattr(arg, "dtype", "")) != "float64":
            raise TypeError(f"gradcheck needs float64 arguments, but argument {index} is not")
    y = function(*args)
    dy = rng.normal(size=y.shape)
    gradients = backward(dy, *args)
    gradients = gradients if isinstance(gradients, (tuple, list)) else (gradients,)
    for index, gradient in enumerate(gradients):
        if gradient is None:
            continue
        direction = _direction(rng, args[index].shape)
        ends = []
        for sign in (1, -1):
            moved = [*args]
            moved[index] = args[index] + sign * epsilon * direction
            ends.append(float((to_numpy(function(*moved)) * dy).sum()))
        analytic = float((to_numpy(gradient) * direction).sum())
        numeric = (ends[0] - ends[1]) / (2 * epsilon)
        _compare(analytic, numeric, rtol, atol, f"argument {index}")


def _direction(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return a random array of length one, uniform in direction."""
    direction = rng.normal(size=shape)
    return direction / np.linalg.norm(direction)


def _compare(analytic: float, numeric: float, rtol: float, atol: float, what: str) -> None:
    if not np.isclose(analytic, numeric, rtol=rtol, atol=atol):
        raise AssertionError(
            f"gradient of {what}: analytic {analytic!r}, numeric {numeric!r} "
            f"(difference {analytic - numeric:.3g})"
        )


def assert_parity(
    model: Sequential,
    backends: Sequence[str],
    x: Any,
    y: Any,
    *,
    rtol: float = 1e-4,
    atol: float = 1e-6,
) -> None:
    """Check that a model's loss and gradients are the same on several backends.

    Parameters
    ----------
    model : Sequential
        A compiled model; its backend does not change.
    backends : sequence of str
        Such as ``["numpy", "numba"]``; the others are compared with the first.
    x, y : array_like
        One batch.
    rtol, atol : float
        Tolerances for float32; a model of mixed precision needs wider ones, such as 2e-2 for both.

    Raises
    ------
    AssertionError
        If they differ; the message names the backends.

    Examples
    --------
    >>> from nnaccel.layers import Dense
    >>> model = Sequential([Dense(3, "relu"), Dense(2, "softmax")], seed=0)
    >>> model.compile()
    >>> assert_parity(model, ["numpy", "numba"], np.eye(2, dtype="float32"), [0, 1])
    """
    home, results = model._parameters.home, {}
    where = model.backend.name
    try:
        for name in backends:
            model.to(name)
            with model.on_backend():
                value, gradient = _loss_and_gradient(model, x, y)()
                results[name] = value, to_numpy(gradient)
    finally:
        model.to(where)
        model._parameters.home = home
    first, *others = backends
    for name in others:
        for what, ours, theirs in zip(
            ("loss", "gradient"), results[first], results[name], strict=True
        ):
            message = f"{what} on {first} and on {name} differ"
            np.testing.assert_allclose(theirs, ours, rtol=rtol, atol=atol, err_msg=message)
