"""Softmax regression: logistic regression for any number of classes."""

from __future__ import annotations

from typing import ClassVar

from nnaccel.estimators._likelihood import LikelihoodClassifier


class SoftmaxRegression(LikelihoodClassifier):
    """Maximum likelihood for any number of classes: ``p = softmax(X @ coef.T + intercept)``.

    The gradient is that of logistic regression, ``X.T @ (p - y) / N``, with a column for each
    class. For two classes it is logistic regression, number for number.

    Parameters
    ----------
    solver : {'auto', 'newton', 'lbfgs', 'gd'}, default 'auto'
        'newton' solves for all coefficients in each of a few steps, 'lbfgs' learns the curvature
        on its way, 'gd' steps down the gradient of the mean cross-entropy. 'auto' is 'newton' for
        up to 300 coefficients and 'lbfgs' for more.
    penalty : {None, 'l2'}, default None
        'l2' takes half of the sum of squares of the slopes over `C` off the log-likelihood.
    C : float, default 1.0
        Inverse of the penalty's strength.
    fit_intercept : bool, default True
        Whether there are constants; they are not penalised.
    learning_rate : float, default 0.1
        Length of a step for a gradient of length 1; 'gd' only.
    max_iter : int, optional
        Most steps: 100 for 'newton', 1,000 for 'lbfgs' and 10,000 for 'gd' by default.
    tol : float, default 1e-8
        'newton' stops with the step that is to raise the log-likelihood by less, for weights of
        mean 1, the others where no part of their mean gradient exceeds this.

    Attributes
    ----------
    classes_ : ndarray, shape (C,)
        The labels in order.
    coef_ : ndarray, shape (C, p), or (1, p) for two classes
        Without a penalty, of all that predict the same, those that sum to 0 over the classes.
    intercept_ : ndarray, shape (C,) or (1,)
    n_iter_ : int
        Steps made.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only if X has names.

    Raises
    ------
    ValueError
        If the data or a parameter cannot be used.
    DivergenceError
        If `learning_rate` is too large for the data.

    Warns
    -----
    SeparationWarning
        If classes, or some rows, can be told apart without a mistake: coefficients that do so have
        no limit then.
    CollinearityWarning
        If the rows do not settle all coefficients.

    References
    ----------
    C. M. Bishop, *Pattern Recognition and Machine Learning*, 2006, section 4.3.4.

    Examples
    --------
    >>> x, y = [[0.0], [1.0], [2.0], [3.0], [2.0], [4.0]], ["a", "b", "a", "b", "c", "c"]
    >>> model = SoftmaxRegression().fit(x, y)
    >>> model.predict_proba([[4.0]]).round(2)
    array([[0.02, 0.2 , 0.78]])
    """

    _solvers: ClassVar = ("auto", "newton", "lbfgs", "gd")
