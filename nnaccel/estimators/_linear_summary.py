"""The table of a linear regression, in the layout of R's `summary(lm(…))`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nnaccel.estimators import _r_format
from nnaccel.estimators._covariance import Covariance
from nnaccel.estimators._linear_fit import LinearFit
from nnaccel.estimators._summary import Coefficients, Summary, against_zero, shown

Floats = NDArray[np.float64]


def summarise(
    fit: LinearFit,
    names: Sequence[str],
    target: str | Sequence[str] | None = None,
    covariance: Covariance | None = None,
) -> Summary:
    """Return the coefficients with t tests, and the goodness of fit.

    Parameters
    ----------
    fit : LinearFit
    names : sequence of str
        Names of the variables.
    target : str or sequence of str, optional
        Name of the response, or of each; y, or y0, y1, …, by default.
    covariance : Covariance, optional
        Of the coefficients of one response; for errors of one variance by default.

    Returns
    -------
    Summary
        Keys of `facts` begin with the response's name if there are several.
    """
    count = fit.slopes.shape[1]
    if target is None:
        target = "y" if count == 1 else [f"y{i}" for i in range(count)]
    targets = [target] if isinstance(target, str) else list(target)
    if len(targets) != count:
        raise ValueError(f"{len(targets)} names of targets given for {count} responses")
    blocks, facts, foot = [], {}, []
    for k, name in enumerate(targets):
        title = f"Response {name}, coefficients" if count > 1 else ""
        blocks.append(_coefficients(fit, k, names, title, covariance))
        found = _facts(fit, k)
        facts.update({f"{name}: {key}" if count > 1 else key: v for key, v in found.items()})
        foot += [f"Response {name}:"] if count > 1 else []
        foot += _foot(found)
    notes = _notes(fit)
    if covariance is not None:
        notes += [f"Standard errors of the coefficients: {covariance.kind}."]
    head = _head(fit) if count == 1 else ()
    return Summary(tuple(blocks), facts, tuple(head), tuple(foot), tuple(notes))


def _coefficients(
    fit: LinearFit, k: int, names: Sequence[str], title: str, covariance: Covariance | None
) -> Coefficients:
    """Coefficients of response k with their tests."""
    free: float = fit.degrees_of_freedom
    std_error = np.sqrt(fit.variance[k]) * fit.lengths
    std_error[np.array(fit.dependent, int) + 1] = math.nan
    std_error[:] = std_error if fit.converged else math.nan
    estimate = np.concatenate([fit.intercept[k : k + 1], fit.slopes[:, k]])
    first = 0 if fit.has_intercept else 1
    rows = ["(Intercept)", *names][first:]
    if covariance is not None:
        std_error[first:], free = covariance.std_error, covariance.degrees_of_freedom
    return against_zero(rows, estimate[first:], std_error[first:], max(free, 1), title)


def _facts(fit: LinearFit, k: int) -> dict[str, float]:
    """Goodness of fit of response k."""
    from scipy import stats

    free, slopes = fit.degrees_of_freedom, fit.rank - fit.has_intercept
    rss, tss = float(fit.rss[k]), float(fit.tss[k])
    with np.errstate(divide="ignore", invalid="ignore"):
        r_squared = 1 - np.float64(rss) / tss
        variance = fit.variance[k]
        adjusted = 1 - variance / (np.float64(tss) / (fit.rows - fit.has_intercept))
        f = (np.float64(tss) - rss) / slopes / variance if fit.converged else np.float64(math.nan)
    return {
        "observations": fit.rows,
        "residual_standard_error": float(np.sqrt(variance)),
        "degrees_of_freedom": free,
        "residual_sum_of_squares": rss,
        "r_squared": float(r_squared),
        "adjusted_r_squared": float(adjusted),
        "f_statistic": float(f),
        "f_degrees_of_freedom": slopes,
        "f_p_value": float(stats.f.sf(f, slopes, free)) if free > 0 and slopes else math.nan,
    }


def _head(fit: LinearFit) -> list[str]:
    """Lines with the quartiles of the residuals."""
    quartiles = fit.quartiles[:, 0]
    largest = np.abs(quartiles).max()
    digits = 5 - (1 + math.floor(math.log10(largest))) if largest > 0 else 5
    cells = _r_format.numbers(np.round(quartiles, max(0, digits)), 4)
    width = max(8, *map(len, cells))
    labels = ("Min", "1Q", "Median", "3Q", "Max")
    return [
        "Weighted Residuals:" if fit.weighted else "Residuals:",
        " ".join(label.rjust(width) for label in labels),
        " ".join(cell.rjust(width) for cell in cells),
    ]


def _notes(fit: LinearFit) -> list[str]:
    """Reasons for missing or meaningless errors."""
    if not fit.converged:
        return [
            "Gradient descent did not converge: these are not least squares, and have no tests."
        ]
    if (fit.rss <= 1e-28 * fit.squares).any():
        return ["Essentially perfect fit: residuals are rounding, and so are the tests."]
    return []


def _foot(facts: dict[str, float]) -> list[str]:
    """Lines with the goodness of fit."""
    free = facts["degrees_of_freedom"]
    lines = [
        f"Residual standard error: {shown(facts['residual_standard_error'], '.4g')} on {free} "
        "degrees of freedom",
        f"Residual sum of squares: {facts['residual_sum_of_squares']:.6g}",
        f"Multiple R-squared: {shown(facts['r_squared'], '.4f')},  "
        f"Adjusted R-squared: {shown(facts['adjusted_r_squared'], '.4f')}",
    ]
    if facts["f_degrees_of_freedom"] and not math.isnan(facts["f_statistic"]):
        lines.append(
            f"F-statistic: {shown(facts['f_statistic'], '.4g')} on "
            f"{facts['f_degrees_of_freedom']} and {free} DF,  "
            f"p-value: {_r_format.p_values([facts['f_p_value']], 4)[0]}"
        )
    return lines
