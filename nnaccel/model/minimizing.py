"""Training on all rows at once, by L-BFGS."""

from __future__ import annotations

import math
from typing import Any, Never

from nnaccel._validate import check_range, refuse_unknown, whole_number
from nnaccel.model.compiled import CompiledNetwork
from nnaccel.training.batch_loader import BatchLoader
from nnaccel.training.checks import check_weighted
from nnaccel.training.last_activation import check_last_activation
from nnaccel.training.lbfgs import Minimization, minimize, require_smooth
from nnaccel.training.setup import TrainingSetup


class Minimizing(CompiledNetwork):
    """A compiled network that is trained on all rows at once."""

    def fit_lbfgs(
        self,
        x: Any,
        y: Any,
        *,
        sample_weight: Any = None,
        class_weight: Any = None,
        max_iter: int = 200,
        max_fun: int = 15000,
        tol: float = 1e-5,
        memory: int = 10,
        **unknown: Never,
    ) -> Minimization:
        """Train on all rows at once by L-BFGS, for small networks and data sets.

        It is a method beside `fit`, and no optimiser: each step searches along a line, for which it
        computes the loss of all rows several times. The optimiser that the model is compiled with
        is not used.

        Parameters
        ----------
        x, y, sample_weight, class_weight
            As for `fit`; arrays.
        max_iter, max_fun : int, default 200 and 15000
            Most iterations, and most times that loss and gradient are computed.
        tol : float, default 1e-5
            Largest element of the gradient at the end.
        memory : int, default 10
            Steps that the curvature is estimated from.

        Returns
        -------
        Minimization
            With `losses`, one after each iteration, and `converged`.

        Raises
        ------
        ValueError
            If data do not fit, a layer draws random numbers or has a constraint, or all are frozen.
        DivergenceError
            If the loss is not finite from the start.

        References
        ----------
        Liu and Nocedal, "On the limited memory BFGS method for large scale optimization",
        Mathematical Programming 45, 1989.

        Examples
        --------
        >>> import numpy as np
        >>> import nnaccel as nn
        >>> x, y = np.linspace(-1, 1, 20)[:, None], np.sin(3 * np.linspace(-1, 1, 20))
        >>> model = nn.Sequential(
        ...     [nn.Dense(8, "tanh"), nn.Dense(1)], seed=0, dtype="float64"
        ... )
        >>> model.compile("mse")
        >>> model.fit_lbfgs(x, y).losses[-1] < 1e-3
        True
        """
        refuse_unknown(self.fit_lbfgs, unknown)
        compiled = self._require_compiled()
        options = {
            "maxiter": whole_number("max_iter", max_iter),
            "maxfun": whole_number("max_fun", max_fun),
            "maxcor": whole_number("memory", memory),
            "gtol": tol,
        }
        check_range("tol", tol, 0, math.inf)
        self._require_idle("fit_lbfgs")
        check_last_activation(self, compiled.loss)
        require_smooth(self.leaves)
        with self.on_backend():
            data = check_weighted(self, compiled.loss, (x, y, sample_weight), class_weight)
            x, targets, weights = data
            with self._training("fit_lbfgs"):
                setup = TrainingSetup(self, compiled.loss, compiled.optimizer, [])
                loader = BatchLoader(self, x, targets, len(x), weights)
                return minimize(setup, loader, **options)
