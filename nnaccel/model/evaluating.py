"""Loss and metrics of a compiled network on a whole set of data."""

from __future__ import annotations

import copy
from typing import Any, Never

from nnaccel._validate import refuse_unknown, whole_number
from nnaccel.model.compiled import CompiledNetwork
from nnaccel.model.pieces import Compiled
from nnaccel.training.batch_loader import BatchLoader
from nnaccel.training.checks import (
    check_weighted,
    open_stream,
    refuse_weights,
)
from nnaccel.training.communicator import Alone, Communicator
from nnaccel.training.last_activation import check_last_activation
from nnaccel.training.loop import (
    ArrayEvaluation,
    Evaluation,
    StreamEvaluation,
)
from nnaccel.training.prefetch import refuse_in_prefetch
from nnaccel.training.setup import TrainingSetup
from nnaccel.training.share import Share

EVALUATION_BATCH = 256


class Evaluating(CompiledNetwork):
    """A compiled network that is evaluated on whole sets of data."""

    def evaluate(
        self,
        x: Any,
        y: Any = None,
        *,
        batch_size: int = EVALUATION_BATCH,
        sample_weight: Any = None,
        return_dict: bool = False,
        **unknown: Never,
    ) -> Any:
        """Return loss and metrics on a data set.

        Parameters
        ----------
        x, y : array_like, or x an iterable of batches or a generator function
            As for `fit`.
        batch_size : int, default 256
            Rows at a time; changes the result by rounding only. Ignored if x gives batches.
        sample_weight : array_like, shape (N,), or (N, H, W) for maps, optional
            Each row's loss, or each pixel's, is multiplied by its weight; metrics ignore weights.
            An iterable gives batches (x, y, sample_weight) instead.
        return_dict : bool, default False
            Whether to return a dict.

        Returns
        -------
        float, list of float, or dict
            The loss if there are no metrics, else the loss and the metrics in order.

        Raises
        ------
        ValueError
            If data or shapes do not fit.
        RuntimeError
            If the model is not compiled.

        Examples
        --------
        >>> import numpy as np
        >>> import nnaccel as nn
        >>> model = nn.Sequential([nn.Dense(2, "softmax", initializer="zeros")])
        >>> model.compile(metrics=["accuracy"])
        >>> loss, accuracy = model.evaluate(np.eye(2), [0, 1])
        >>> round(loss, 4), accuracy
        (0.6931, 0.5)
        """
        refuse_unknown(self.evaluate, unknown)
        refuse_in_prefetch(self._parameters.in_training)
        batch_size = whole_number("batch_size", batch_size)
        compiled = self._require_compiled()
        check_last_activation(self, compiled.loss)
        with self.on_backend():
            if y is None:
                refuse_weights(sample_weight)
            data, alone = x if y is None else (x, y, sample_weight), Alone()
            logs = self._evaluation(alone, compiled, data, batch_size, is_stream=y is None).run()
        values = list(logs.values())
        return logs if return_dict else values if self.metrics else values[0]

    def _evaluation(
        self,
        comm: Communicator,
        compiled: Compiled,
        data: Any,
        batch_size: int,
        is_stream: bool,
        prefetch: int = 0,
    ) -> Evaluation:
        """Check arrays (x, y) or (x, y, sample_weight), or a stream; return the evaluation."""
        check = open_stream if is_stream else check_weighted
        checked = check(self, compiled.loss, data)
        if self._parameters.in_training:  # the training's metrics go on adding up
            compiled = compiled._replace(metrics=copy.deepcopy(compiled.metrics))
        setup = TrainingSetup(self, *compiled, comm=comm)
        if is_stream:
            return StreamEvaluation(setup, checked, prefetch)
        x, targets, weights = checked
        batch_size = min(batch_size, len(x))
        share = Share(comm, batch_size)
        loader = BatchLoader(self, x, targets, batch_size, weights, share=share)
        return ArrayEvaluation(setup, loader)
