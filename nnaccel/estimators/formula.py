"""Designs from formulas such as `weight ~ height + C(sex)`, by the package formulaic."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnaccel.interop._packages import require


class Formula:
    """Variables and response of a regression, from a formula and a data frame.

    Parameters
    ----------
    formula : str
        In the notation of R, with a response, as formulaic reads it: categorical variables become
        columns of 0 and 1 for all levels but the first, ``a:b`` is a product, ``a*b`` that and
        both, ``- 1`` leaves out the intercept.
    data : pandas.DataFrame
        Rows with missing values are refused.

    Attributes
    ----------
    X : pandas.DataFrame, shape (N, p)
        The variables, without the intercept.
    y : ndarray, shape (N,)
    intercept : bool
        Whether the formula has an intercept: for `fit_intercept`.

    Raises
    ------
    ModuleNotFoundError
        If formulaic is not installed: ``pip install formulaic``.
    ValueError
        If the formula has no response, or several, or no variables; or values are missing.
    TypeError
        If `data` is no data frame.

    Examples
    --------
    >>> import pandas as pd
    >>> from nnaccel.estimators import LinearRegression
    >>> data = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0], "kind": list("aabb"), "y": [1, 2, 5, 6]})
    >>> design = Formula("y ~ x + kind", data)
    >>> list(design.X), design.intercept
    (['x', 'kind[T.b]'], True)
    >>> model = LinearRegression(fit_intercept=design.intercept).fit(design.X, design.y)
    >>> model.predict(design.rows(pd.DataFrame({"x": [4.0], "kind": ["b"]}))).round(6)
    array([7.])
    """

    def __init__(self, formula: str, data: Any) -> None:
        formulaic = require("formulaic")
        _require_frame(data)
        made = formulaic.model_matrix(formula, data, na_action="raise")
        if not hasattr(made, "lhs") or made.lhs.shape[1] != 1:
            raise ValueError(
                f"{formula!r} needs one response of numbers before the tilde, such as 'y ~ x'"
            )
        self.y: NDArray[Any] = np.asarray(made.lhs).ravel()
        if not set(made.rhs.columns) - {"Intercept"}:
            raise ValueError(f"{formula!r} has no variables after the tilde, such as 'y ~ x'")
        self.intercept = "Intercept" in made.rhs.columns
        self._spec = made.rhs.model_spec
        self.X = self._without_intercept(made.rhs)

    def rows(self, data: Any) -> Any:
        """Return the variables of other data, coded as those of the fit.

        Parameters
        ----------
        data : pandas.DataFrame
            Needs no response.

        Returns
        -------
        pandas.DataFrame, shape (N, p)

        Raises
        ------
        ValueError
            If a variable has a level that it had not in the fit, or values are missing.
        """
        _require_frame(data)
        mismatch = require("formulaic.errors").DataMismatchWarning
        with warnings.catch_warnings():
            warnings.simplefilter("error", mismatch)
            try:
                return self._without_intercept(self._spec.get_model_matrix(data))
            except mismatch as warning:
                raise ValueError(
                    "a variable has a level that no row of the fit had: "
                    f"{str(warning).partition('. ')[0]}"
                ) from None

    def _without_intercept(self, matrix: Any) -> Any:
        kept = [name for name in matrix.columns if name != "Intercept"]
        return require("pandas").DataFrame(matrix)[kept].astype(float)


def _require_frame(data: Any) -> None:
    """Raise a TypeError unless `data` has named columns."""
    if not hasattr(data, "columns"):
        kind = type(data).__name__
        raise TypeError(f"data must be a pandas.DataFrame, not {kind}. To fix: pandas.DataFrame(…)")
