"""Networks of one's own as estimators."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnaccel._validate import unknown_name
from nnaccel.estimators import _checked
from nnaccel.estimators._network import NetworkEstimator
from nnaccel.estimators._network_classifier import ClassifierNetwork
from nnaccel.estimators._network_regressor import RegressorNetwork
from nnaccel.estimators._rows import Rows
from nnaccel.layers import Dense, Layer
from nnaccel.network.chain import Network
from nnaccel.ops._check import OVER_CLASSES
from nnaccel.optim import Optimizer


def dense(units: int = 100, activation: str = "relu") -> list[Layer]:
    """Return one dense layer, what `NetworkClassifier` builds by default."""
    return [Dense(units, activation)]


class OwnNetwork(NetworkEstimator):
    """A network of the layers that a function returns, with the parameters of `NetworkClassifier`.

    The function's arguments are parameters of the estimator too.
    """

    # scikit-learn's other settings of networks, constant here.
    learning_rate, power_t, momentum, nesterovs_momentum = "constant", 0.5, 0.9, True
    beta_1, beta_2, epsilon = 0.9, 0.999, 1e-8

    def __init__(
        self,
        build: Callable[..., Sequence[Layer]] = dense,
        *,
        solver: str | Optimizer = "adam",
        learning_rate_init: float = 0.001,
        batch_size: int | str = "auto",
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        loss: str = "auto",
        output_activation: str = "auto",
        class_weight: Any = None,
        **arguments: Any,
    ) -> None:
        self.build = build
        self.solver = solver
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.loss = loss
        self.output_activation = output_activation
        self.class_weight = class_weight
        known = _parameters(build)
        for name, value in arguments.items():  # `fit` tells of unknown ones
            if name not in known or value is not known[name].default:
                setattr(self, name, value)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return all parameters by name, those of `build` among them.

        Parameters
        ----------
        deep : bool, default True
            As in scikit-learn.
        """
        return {**self._arguments(), **super().get_params(deep)}

    def _arguments(self) -> dict[str, Any]:
        """Return the arguments of `build`: its defaults, and what was set."""
        known = _parameters(self.build).items()
        defaults = {name: p.default for name, p in known if p.default is not p.empty}
        own = super().get_params(deep=False)
        is_fitted = {name for name in vars(self) if name.endswith("_") or name.startswith("_")}
        return defaults | {
            name: value
            for name, value in vars(self).items()
            if name not in own and name not in is_fitted
        }

    def _hidden_layers(self, input_shape: tuple[int, ...]) -> list[Layer]:
        """Return the layers that `build` makes."""
        if not callable(self.build) or isinstance(self.build, Network | Layer):
            raise ValueError(f"build={self.build!r} must be a function that returns layers")
        known, arguments = _parameters(self.build), self._arguments()
        for name in arguments:
            if name not in known:
                raise ValueError(unknown_name("argument of build", name, list(known)))
        clash = set(known) & set(super().get_params(deep=False))
        if clash:
            raise ValueError(
                f"build has an argument {min(clash)!r}, which is a parameter of the estimator too: "
                "give it another name"
            )
        made: Any = self.build(**arguments)
        if not isinstance(made, list | tuple):
            raise ValueError(
                f"build returned a {type(made).__name__}; expected a list of layers, without the "
                "last one, which the estimator adds"
            )
        if made and getattr(made[-1], "activation", "") in OVER_CLASSES:
            raise ValueError(
                f"build's layers end with {made[-1].activation!r}: leave out the last layer, which "
                "the estimator adds"
            )
        return list(made)

    def _building_values(self) -> dict[str, list[Any]]:
        names = ("build", "loss", "output_activation")
        values = {name: getattr(self, name) for name in names} | self._arguments()
        return {name: [value] for name, value in values.items()}

    def _penalize(self, rows: Rows) -> None:
        """Leave the layers the penalties that they were made with."""

    def _as_rows(self, X: Any) -> tuple[Any, tuple[int, ...]]:
        """Return inputs as rows, and the shape of one input if that is none."""
        return _checked.images_as_rows(X)

    def _checks(self) -> dict[str, Any]:
        return {"dtype": "numeric"}

    def _shaped(self, x: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        return x.reshape(len(x), *shape) if shape else x


def _parameters(build: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Return the parameters of a function that can be given by name."""
    if not callable(build):
        return {}
    named = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    return {k: p for k, p in inspect.signature(build).parameters.items() if p.kind in named}


class NetworkClassifier(ClassifierNetwork, OwnNetwork):
    """Your own network for classes, with the interface of scikit-learn.

    Parameters
    ----------
    build : callable, default `dense`
        Returns a list of new layers, all but the last: the estimator adds a dense layer with an
        output for each class, or one for two classes. Its arguments are parameters of the
        estimator, which can be searched, and have the function's defaults.
    solver, learning_rate_init, batch_size, max_iter, shuffle, random_state, tol, verbose
        As for `MLPClassifier`.
    warm_start, early_stopping, validation_fraction, n_iter_no_change, loss, output_activation
        As for `MLPClassifier`. Penalties belong to the layers.
    class_weight : None, 'balanced' or dict, default None
        As for `MLPClassifier`.
    **arguments
        Arguments of `build`.

    Attributes
    ----------
    classes_, model_, loss_curve_, validation_scores_, …
        As of `MLPClassifier`.

    Raises
    ------
    ValueError
        If data or a parameter cannot be used, or `build` has no argument of a name that was given.

    Notes
    -----
    Rows (N, p), or images (N, H, W) and (N, C, H, W), in the dtypes of `ConvNetClassifier`.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from nnaccel.data import digits
    >>> from nnaccel.layers import BatchNorm, Dense
    >>> def build(units=16, normed=False):
    ...     return [Dense(units, "relu"), *[BatchNorm()] * normed]
    >>> (x, y), _ = digits()
    >>> x, y = x[:400].reshape(400, -1) / 255, y[:400]
    >>> settings = {"learning_rate_init": 0.01, "tol": 0.5, "n_iter_no_change": 3}
    >>> model = NetworkClassifier(build, random_state=0, batch_size=20, **settings)
    >>> search = GridSearchCV(model, {"units": [2, 32]}, cv=2).fit(x, y)
    >>> search.best_params_
    {'units': 32}
    """


class NetworkRegressor(RegressorNetwork, OwnNetwork):
    """Your own network for one or several responses, trained on their squared error.

    Parameters
    ----------
    build, solver, learning_rate_init, …
        As for `NetworkClassifier`, except the next three.
    loss, output_activation, class_weight
        As for `MLPRegressor`.

    Attributes
    ----------
    model_, loss_curve_, …
        As of `NetworkClassifier`; `validation_scores_` are R squared.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.linspace(-1, 1, 50)[:, None]
    >>> y = np.sin(3 * x[:, 0])
    >>> settings = {"learning_rate_init": 0.03, "n_iter_no_change": 20, "random_state": 0}
    >>> model = NetworkRegressor(dense, units=50, activation="tanh", **settings).fit(x, y)
    >>> bool(model.score(x, y) > 0.99)
    True
    """
