"""The solvers of network estimators: optimisers by scikit-learn's parameters, and L-BFGS."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from sklearn.exceptions import ConvergenceWarning

from nnaccel import optim
from nnaccel._validate import whole_number
from nnaccel.estimators import _checked
from nnaccel.estimators._iterations import Iterations
from nnaccel.estimators._rows import Rows
from nnaccel.ops import _check
from nnaccel.optim import Optimizer

_SCHEDULES = ("constant", "invscaling", "adaptive")
_MOST_EVALUATIONS = 15_000  # of the loss, by L-BFGS


def refuse_lbfgs(solver: Any, what: str) -> None:
    """Raise a ValueError if the solver is 'lbfgs', which `what` is not for."""
    if solver == "lbfgs":
        raise ValueError(
            f"{what} is for solvers that take mini-batches, and 'lbfgs' takes all rows at "
            "once. To fix: choose 'adam' or 'sgd'"
        )


def optimizer_of(estimator: Any) -> Optimizer:
    """Return the optimiser that an estimator's parameters tell of."""
    _checked.choice("learning_rate", estimator.learning_rate, _SCHEDULES)
    solver = estimator.solver
    if isinstance(solver, Optimizer):
        return solver
    rate = _checked.number("learning_rate_init", estimator.learning_rate_init, above_0=True)
    settings: dict[str, Any] = {"learning_rate": rate}
    if solver == "sgd":
        nesterov = _check.flag("nesterovs_momentum", estimator.nesterovs_momentum)
        settings |= {"momentum": estimator.momentum, "nesterov": nesterov}
    if solver in ("adam", "adamw"):
        names = ("beta_1", "beta_2", "epsilon")
        settings |= {name: getattr(estimator, name) for name in names}
    if solver == "lbfgs":
        return optim.get("sgd")  # not used
    return optim.get(solver, **settings)


def by_batches(estimator: Any, rows: Rows, epochs: int, score: Callable[[], float] | None) -> bool:
    """Train an estimator's network for at most `epochs` epochs; return whether it converged."""
    x, targets, weights = rows
    record = estimator._record
    is_sgd = estimator.solver == "sgd"  # other optimisers adapt their rates themselves
    iterations = Iterations(
        record,
        score,
        tol=_checked.number("tol", estimator.tol),
        patience=_checked.number("n_iter_no_change", estimator.n_iter_no_change),
        schedule=estimator.learning_rate if is_sgd else "constant",
        rate=estimator.learning_rate_init,
        power=_checked.number("power_t", estimator.power_t),
        verbose=bool(estimator.verbose),
    )
    try:
        estimator.model_.fit(
            x,
            targets,
            epochs=epochs,
            batch_size=estimator._batch_size(len(x)),
            shuffle=_check.flag("shuffle", estimator.shuffle),
            sample_weight=weights,
            callbacks=[iterations],
            verbose=0,
        )
    except KeyboardInterrupt:
        if not record.losses:  # nothing is learnt yet
            raise
        iterations.converged = True
        warnings.warn(
            f"training was interrupted after {len(record.losses)} epochs; the estimator "
            "can be used as it is",
            ConvergenceWarning,
            stacklevel=4,
        )
    return iterations.converged


def by_lbfgs(estimator: Any, rows: Rows, iterations: int) -> bool:
    """Train an estimator's network by L-BFGS; return whether it converged."""
    x, targets, weights = rows
    record = estimator._record
    found = estimator.model_.fit_lbfgs(
        x,
        targets,
        sample_weight=weights,
        max_iter=iterations,
        max_fun=whole_number("max_fun", getattr(estimator, "max_fun", _MOST_EVALUATIONS)),
        tol=_checked.number("tol", estimator.tol),
    )
    record.losses += found.losses
    record.rows_seen += len(x) * len(found.losses)
    record.best_loss = min([record.best_loss, *found.losses])
    return bool(found.converged)
