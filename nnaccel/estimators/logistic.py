"""Logistic regression."""

from __future__ import annotations

from typing import Any, ClassVar

from numpy.typing import NDArray

from nnaccel.estimators._likelihood import LikelihoodClassifier


class LogisticRegression(LikelihoodClassifier):
    """Maximum likelihood for two classes: ``p = sigmoid(X @ coef + intercept)``.

    Parameters
    ----------
    solver : {'newton', 'gd'}, default 'newton'
        'newton' needs few steps, each a linear system of all coefficients; 'gd' steps down the
        gradient ``X.T @ (p - y) / N`` of the mean cross-entropy.
    penalty : {None, 'l2'}, default None
        'l2' subtracts half of the sum of squared slopes, divided by `C`, from the log-likelihood.
    C : float, default 1.0
        Inverse strength of the penalty, as in scikit-learn, whose default is a penalty of C=1.
    class_weight : None, 'balanced' or dict, default None
        Factors on the weights of rows, by class. 'balanced' gives all classes the same sum of
        weights; a dict maps classes to factors, 1 for those not in it.
    fit_intercept : bool, default True
        Whether to fit an intercept, which is not penalised.
    learning_rate : float, default 0.1
        Factor of the gradient in a step of 'gd'.
    max_iter : int, optional
        Most steps; by default 100 for 'newton' and 10,000 for 'gd'.
    tol : float, default 1e-8
        'newton' stops when the expected gain in log-likelihood is smaller, for weights of mean 1;
        'gd' when no component of the gradient exceeds it, checked after every 100 steps.

    Attributes
    ----------
    classes_ : ndarray, shape (2,)
        Sorted labels; `coef_` is for the second.
    coef_ : ndarray, shape (1, p)
    intercept_ : ndarray, shape (1,)
    n_iter_ : int
        Steps made.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only if X has names.

    Raises
    ------
    ValueError
        If the data or a parameter cannot be used, or there are more than two classes.
    DivergenceError
        If `learning_rate` is too large for the data.

    Warns
    -----
    SeparationWarning
        If classes, or some of their rows, are linearly separable: some coefficients then have no
        estimate.
    CollinearityWarning
        If the rows do not determine all coefficients.

    References
    ----------
    T. Hastie, R. Tibshirani, J. Friedman, *The Elements of Statistical Learning*, 2nd ed., 2009,
    section 4.4.

    Examples
    --------
    >>> x, y = [[0.0], [1.0], [2.0], [3.0]], ["no", "yes", "no", "yes"]
    >>> model = LogisticRegression().fit(x, y)
    >>> round(model.log_likelihood(x, y), 4)
    -2.3475
    >>> model.predict([[5.0]])
    array(['yes'], dtype='<U3')
    """

    _solvers: ClassVar = ("newton", "gd")

    def __init__(
        self,
        solver: str = "newton",
        *,
        penalty: str | None = None,
        C: float = 1.0,
        class_weight: Any = None,
        fit_intercept: bool = True,
        learning_rate: float = 0.1,
        max_iter: int | None = None,
        tol: float = 1e-8,
    ) -> None:
        super().__init__(
            solver,
            penalty=penalty,
            C=C,
            class_weight=class_weight,
            fit_intercept=fit_intercept,
            learning_rate=learning_rate,
            max_iter=max_iter,
            tol=tol,
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def _check_classes(self, classes: NDArray[Any]) -> None:
        super()._check_classes(classes)
        if len(classes) > 2:
            raise ValueError(
                "Only binary classification is supported. The type of the target is multiclass: "
                f"y holds {len(classes)} classes; take SoftmaxRegression"
            )
