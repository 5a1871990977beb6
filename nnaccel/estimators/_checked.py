"""Input checks of the estimators, with the error messages that scikit-learn expects."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import _check_sample_weight, validate_data

from nnaccel import _validate
from nnaccel.backends import is_on_device

Floats = NDArray[np.float64]

#: Largest number whose sums of squares do not overflow.
_MAX = 1e140
#: Largest weight of a row, with which those sums do not overflow either.
_MAX_WEIGHT = 1e20


def on_host(x: Any) -> Any:
    """Return a CuPy array as a NumPy array, anything else as it is; ValueError if masked."""
    _validate.refuse_masked(x, "inputs or targets")
    return x.get() if is_on_device(x) else x


def images_as_rows(x: Any) -> tuple[Any, tuple[int, ...]]:
    """Return images as rows, and the shape of an image; rows as they are, and ()."""
    shape = shape_of(x)
    if len(shape) < 3:
        return x, ()
    return np.asarray(x).reshape(shape[0], -1), shape[1:]


def shape_of(x: Any) -> tuple[int, ...]:
    """Return the shape of an array, or of nested sequences."""
    return tuple(x.shape if hasattr(x, "shape") else np.asarray(x).shape)


def rows(estimator: Any, x: Any) -> Floats:
    """Return checked rows to predict for, as float64."""
    return to_predict(estimator, on_host(x), dtype=np.float64)


def to_predict(estimator: Any, x: Any, **checks: Any) -> NDArray[Any]:
    """Return rows to predict for, checked as scikit-learn's `validate_data` does.

    An array that it would return as it is takes a fraction of its time.
    """
    if _is_plain(estimator, x, checks.get("dtype")):
        return np.asarray(x)
    return np.asarray(validate_data(estimator, x, reset=False, **checks))


def _is_plain(estimator: Any, x: Any, dtype: Any) -> bool:
    """Whether x is an array of finite floats of a wanted dtype, as wide as in `fit`."""
    if type(x) is not np.ndarray or x.ndim != 2 or not x.size or x.dtype.kind != "f":
        return False
    wanted = dtype if isinstance(dtype, tuple) else (dtype,)
    if "numeric" not in wanted and x.dtype not in wanted:
        return False
    if x.shape[1] != estimator.n_features_in_ or hasattr(estimator, "feature_names_in_"):
        return False
    return bool(-np.inf < np.minimum.reduce(x, None) <= np.maximum.reduce(x, None) < np.inf)


def pair(estimator: Any, x: Any, y: Any, **checks: Any) -> tuple[Floats, NDArray[Any]]:
    """Return checked rows to fit, as float64, and their targets; set `n_features_in_`."""
    x, y = validate_data(estimator, on_host(x), on_host(y), dtype=np.float64, **checks)
    _require_squares("X", x)
    if y.dtype.kind == "f":
        _require_squares("y", y)
    return x, y


def classes_of(labels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Return the sorted classes, and the index of each row's class.

    Raises
    ------
    TypeError
        If labels cannot be sorted, such as numbers and text.
    """
    try:
        return np.unique(labels, return_inverse=True)
    except TypeError:
        kinds = sorted({type(label).__name__ for label in labels})
        raise TypeError(
            f"labels are of several types, {' and '.join(kinds)}: convert them to one"
        ) from None


def weights_of(x: Floats, sample_weight: Any) -> Floats:
    """Return the rows' weights; ones by default.

    Raises
    ------
    ValueError
        If a weight is negative, or all are 0.
    """
    weights = _check_sample_weight(
        on_host(sample_weight), x, dtype=np.float64, ensure_non_negative=True
    )
    if not weights.any():
        raise ValueError("sample_weight is 0 for every row: there is nothing to fit")
    if not 1 / _MAX_WEIGHT < weights.max() < _MAX_WEIGHT:
        raise ValueError(
            f"sample_weight is at most {weights.max():.3g}: give weights of about 1; only their "
            "ratios matter"
        )
    return np.asarray(weights)


def _require_squares(name: str, x: NDArray[Any]) -> None:
    """Raise a ValueError if sums of squares would overflow."""
    if x.size and not -_MAX < x.min() <= x.max() < _MAX:
        raise ValueError(
            f"{name} runs from {x.min():.3g} to {x.max():.3g}: the squares of such numbers "
            "overflow. To fix: use another unit"
        )


def choice(name: str, value: Any, choices: Sequence[Any]) -> None:
    """Raise a ValueError, with the nearest match, unless `value` is one of `choices`."""
    if not any(value is known or (isinstance(value, str) and value == known) for known in choices):
        raise ValueError(_validate.unknown_name(name, value, tuple(map(str, choices))))


def number(name: str, value: Any, *, above_0: bool = False) -> float:
    """Return a finite number of at least 0, or above 0; ValueError for anything else."""
    good = isinstance(value, int | float | np.number) and np.isfinite(value) and value >= 0
    if not good or (above_0 and not value):
        raise ValueError(
            f"{name}={value!r} must be a finite number {'above' if above_0 else 'of at least'} 0"
        )
    return float(value)


def names(estimator: Any, given: Sequence[str] | None = None) -> list[str]:
    """Return the names of the features: the given ones, else those of X, else x0, x1, …."""
    count = estimator.n_features_in_
    if given is not None:
        if len(given) != count:
            raise ValueError(f"{len(given)} feature_names given for {count} features")
        names = [str(name) for name in given]
        if len({"(Intercept)", *names}) <= count:
            raise ValueError("feature_names must differ from each other and from '(Intercept)'")
        return names
    known = getattr(estimator, "feature_names_in_", None)
    return [f"x{i}" for i in range(count)] if known is None else [str(name) for name in known]


def with_ones(x: Floats, mean: Floats | float = 0.0) -> Floats:
    """Return x minus `mean` with a column of ones in front."""
    wider = np.ones((len(x), x.shape[1] + 1))
    np.subtract(x, mean, out=wider[:, 1:])
    return wider


def warn_of_steps(max_iter: int, tol: float, gradient: Floats) -> None:
    """Warn that gradient descent has not converged."""
    warnings.warn(
        f"gradient descent made max_iter={max_iter} steps and the gradient is still up to "
        f"{np.abs(gradient).max():.2g}, more than tol={tol:g}. To fix: raise max_iter, change "
        "learning_rate, or standardise the variables",
        ConvergenceWarning,
        stacklevel=4,
    )


def start(
    solver: str, coef_init: Any, intercept_init: Any, shape: tuple[int, int], intercept: bool
) -> Floats:
    """Return the initial coefficients of gradient descent, the row of intercepts first if any.

    Parameters
    ----------
    solver : str
        Solvers other than 'gd' have no initial coefficients.
    coef_init, intercept_init : float or array_like, optional
        Arrays that can be broadcast to (p, k) and (k,); 0 by default.
    shape : pair of int
        (p, k).
    intercept : bool
    """
    if solver != "gd" and not (coef_init is None and intercept_init is None):
        raise ValueError("coef_init and intercept_init say where solver='gd' starts")
    coef = np.asarray(0.0 if coef_init is None else coef_init, np.float64)
    first = np.asarray(0.0 if intercept_init is None else intercept_init, np.float64)
    coef = coef[:, None] if coef.ndim == 1 else coef.T
    if not (np.isfinite(coef).all() and np.isfinite(first).all()):
        raise ValueError("coef_init and intercept_init must be finite")
    try:
        coef, first = np.broadcast_to(coef, shape), np.broadcast_to(first, shape[1:])
    except ValueError:
        raise ValueError(
            f"coef_init of shape {coef.T.shape} or intercept_init of shape {first.shape} does not "
            f"fit {shape[0]} features and {shape[1]} outputs: give numbers, or the shapes of coef_ "
            "and intercept_"
        ) from None
    return np.concatenate([first[None], coef]) if intercept else np.array(coef)
