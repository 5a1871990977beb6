"""Softmax regression."""

from __future__ import annotations

from typing import ClassVar

from nnaccel.estimators._likelihood import LikelihoodClassifier


class SoftmaxRegression(LikelihoodClassifier):
    """Maximum likelihood for any number of classes: ``p = softmax(X @ coef.T + intercept)``.

    The gradient is that of logistic regression, ``X.T @ (p - y) / N``, with a column for each
    class. For two classes it equals logistic regression.

    Parameters
    ----------
    solver : {'auto', 'newton', 'lbfgs', 'gd'}, default 'auto'
        'newton' needs few steps, each a linear system of all coefficients; 'lbfgs' approximates
        the curvature; 'gd' steps down the gradient of the mean cross-entropy. 'auto' is 'newton'
        for up to 300 coefficients and 'lbfgs' for more.
    penalty : {None, 'l2'}, default None
        'l2' subtracts half of the sum of squared slopes, divided by `C`, from the log-likelihood.
    C : float, default 1.0
        Inverse strength of the penalty, as in scikit-learn, whose default is a penalty of C=1.
    class_weight : None, 'balanced' or dict, default None
        Factors on the weights of rows, by class. 'balanced' gives all classes the same sum of
        weights; a dict maps classes to factors, 1 for those not in it.
    fit_intercept : bool, default True
        Whether to fit intercepts, which are not penalised.
    learning_rate : float, default 0.1
        Factor of the gradient in a step of 'gd'.
    max_iter : int, optional
        Most steps; by default 100 for 'newton', 1,000 for 'lbfgs' and 10,000 for 'gd'.
    tol : float, default 1e-8
        'newton' stops when the expected gain in log-likelihood is smaller, for weights of mean 1;
        the others when no component of their mean gradient exceeds it.

    Attributes
    ----------
    classes_ : ndarray, shape (C,)
        Sorted labels.
    coef_ : ndarray, shape (C, p), or (1, p) for two classes
        Of all equivalent coefficients, those that sum to 0 over the classes.
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
        If classes, or some of their rows, are linearly separable: some coefficients then have no
        estimate.
    CollinearityWarning
        If the rows do not determine all coefficients.

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
