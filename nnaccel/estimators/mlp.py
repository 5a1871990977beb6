"""Multi-layer perceptrons: classifier and regressor."""

from __future__ import annotations

from nnaccel.estimators._mlp import MLP
from nnaccel.estimators._network_classifier import ClassifierNetwork
from nnaccel.estimators._network_regressor import RegressorNetwork


class MLPClassifier(ClassifierNetwork, MLP):
    """Multi-layer perceptron for classes, trained by mini-batch gradient descent.

    The parameters are scikit-learn's, with `l1`, `dropout`, `loss` and `output_activation` added.
    float32 inputs are computed in float32, which is faster; everything else in float64.

    Parameters
    ----------
    hidden_layer_sizes : sequence of int, default (100,)
        Units of each hidden layer.
    activation : str, default 'relu'
        Activation of hidden layers, by the name of `Dense` or scikit-learn's: 'logistic' or
        'identity'.
    solver : str or Optimizer, default 'adam'
        A key of `nnaccel.optim.OPTIMIZERS`, with the settings below; an object; or 'lbfgs', which
        takes all rows at once, for small networks and data sets.
    alpha : float, default 0.0001
        Half of it times the sum of squared weights, divided by the rows of a batch, is added to the
        loss.
    l1 : float, default 0
        It times the sum of absolute weights, divided by the rows of a batch, is added to the loss.
    dropout : float in [0, 1), default 0
        Dropout rate of each hidden layer.
    batch_size : int or 'auto', default 'auto'
        Rows in a step; 'auto' means 200, or all if there are fewer.
    learning_rate : {'constant', 'invscaling', 'adaptive'}
        For 'sgd': 'invscaling' divides the rate by the number of rows seen to the power of
        `power_t`, after every epoch; 'adaptive' by 5 whenever training would otherwise be over.
    learning_rate_init : float, default 0.001
        Step size.
    power_t : float, default 0.5
        For 'invscaling'.
    max_iter : int, default 200
        Most epochs, or iterations of 'lbfgs'.
    shuffle : bool, default True
        Whether to shuffle the rows each epoch.
    random_state : int, RandomState or None
        Seed of initial weights, shuffles, dropout and validation rows.
    tol : float, default 1e-4
        Smallest change of loss or score that counts as an improvement; for 'lbfgs' the largest
        element of the gradient at the end.
    verbose : bool, default False
        Whether to print each epoch.
    warm_start : bool, default False
        Whether `fit` continues with the weights it has. If a parameter that shapes the network
        has changed, it warns and begins with new ones.
    momentum, nesterovs_momentum : float and bool, default 0.9 and True
        For 'sgd'.
    early_stopping : bool, default False
        Whether to monitor the score on validation rows instead of the loss, and keep the weights of
        the best score.
    validation_fraction : float, default 0.1
        Share of validation rows.
    beta_1, beta_2, epsilon : float, default 0.9, 0.999 and 1e-8
        For 'adam' and 'adamw'.
    n_iter_no_change : int, default 10
        Epochs without improvement before training stops.
    loss : str, default 'auto'
        'auto' and 'log_loss' are 'binary_crossentropy' for sigmoids and 'categorical_crossentropy'
        for a softmax; or 'squared_error', or a key of `nnaccel.losses.LOSSES`.
    output_activation : {'auto', 'sigmoid', 'softmax'}
        'auto' is one sigmoid for two classes, a softmax for more, and a sigmoid for each of
        several labels a row.
    class_weight : None, 'balanced' or dict, default None
        Factors on the weights of rows, by class. 'balanced' gives all classes the same sum of
        weights; a dict maps classes to factors, 1 for those not in it. For one label a row.
    max_fun : int, default 15000
        For 'lbfgs': most times that loss and gradient are computed.

    Attributes
    ----------
    classes_ : ndarray, shape (C,)
        Sorted labels.
    model_ : Sequential
        The network.
    coefs_, intercepts_ : list of ndarray
        Weights (in, out) and biases (out,) of each layer.
    loss_curve_, validation_scores_ : list of float
        Loss and score of each epoch; scores are None without early stopping.
    loss_, best_loss_, best_validation_score_ : float
        The last and the best loss, and the best score; None for the one not monitored.
    n_iter_, t_, n_layers_, n_outputs_, out_activation_
        Epochs of the last `fit`, rows seen in total, layers including the input, outputs, and the
        last activation.
    n_features_in_, feature_names_in_
        Number of features, and their names if X has any.

    Raises
    ------
    ValueError
        If data or a parameter cannot be used.
    DivergenceError
        If the loss becomes NaN or infinite.

    Warns
    -----
    ConvergenceWarning
        If `max_iter` epochs were not enough, or training was interrupted; the fit can be used.
    UserWarning
        If the last activation does not fit the loss.

    References
    ----------
    T. Hastie, R. Tibshirani, J. Friedman, *The Elements of Statistical Learning*, 2nd ed., 2009,
    chapter 11.

    Examples
    --------
    >>> x, y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], ["even", "odd", "odd", "even"]
    >>> model = MLPClassifier(8, "tanh", learning_rate_init=0.05, random_state=0).fit(x, y)
    >>> model.predict(x)
    array(['even', 'odd', 'odd', 'even'], dtype='<U4')
    """


class MLPRegressor(RegressorNetwork, MLP):
    """Multi-layer perceptron for one or several responses, trained on their squared error.

    Parameters
    ----------
    hidden_layer_sizes, activation, solver, …
        As for `MLPClassifier`, except the next three.
    loss : {'auto', 'squared_error'}
        Half of the squares of a row, summed over outputs.
    output_activation : str, default 'auto'
        'auto' is 'identity'; 'softplus' or 'sigmoid' for bounded responses.
    class_weight : None
        Must be None: it is for classes.

    Attributes
    ----------
    model_, coefs_, intercepts_, loss_curve_, …
        As of `MLPClassifier`; `validation_scores_` are R squared.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.linspace(-1, 1, 50)[:, None]
    >>> y = np.sin(3 * x[:, 0])
    >>> settings = {"learning_rate_init": 0.03, "n_iter_no_change": 20, "random_state": 0}
    >>> bool(MLPRegressor(50, "tanh", **settings).fit(x, y).score(x, y) > 0.99)
    True
    """
