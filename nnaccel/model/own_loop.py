"""The steps of a training loop of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, Never

from nnaccel._validate import refuse_unknown
from nnaccel.layers import Layer
from nnaccel.layers._tree import walk
from nnaccel.model.compiled import CompiledNetwork
from nnaccel.training.checks import check_weighted
from nnaccel.training.last_activation import check_last_activation
from nnaccel.training.own_steps import OwnSteps


class OwnLoop(CompiledNetwork):
    """A compiled network that is trained a batch at a time.

    What a step does is recorded once for each shape of a batch, as in `fit`. It is recorded anew
    when a layer, the loss or the optimiser, other than its learning rate, has changed.
    """

    def __init__(self, layers: Sequence[Layer], seed: int | None, dtype: Any) -> None:
        super().__init__(layers, seed, dtype)
        self._own_steps: tuple[OwnSteps, list[Any]] | None = None

    def train_on_batch(
        self,
        x: Any,
        y: Any,
        *,
        sample_weight: Any = None,
        class_weight: Any = None,
        return_dict: bool = False,
        **unknown: Never,
    ) -> Any:
        """Make one update from a batch.

        Parameters
        ----------
        x, y : array_like
            As for `fit`: all rows are one batch.
        sample_weight : array_like, shape (N,), or (N, H, W) for maps, optional
            Each row's loss, or each pixel's, is multiplied by its weight.
        class_weight : dict or 'balanced', optional
            As for `fit`, with the classes of this batch.
        return_dict : bool, default False
            Whether to return a dict.

        Returns
        -------
        float, list of float, or dict
            As `evaluate`, for this batch as it was before the update. A loss of NaN raises no
            error here.

        Examples
        --------
        >>> import numpy as np
        >>> import nnaccel as nn
        >>> model = nn.Sequential([nn.Dense(8, "tanh"), nn.Dense(2, "softmax")], seed=0)
        >>> model.compile("categorical_crossentropy", "adam")
        >>> losses = [model.train_on_batch(np.eye(2), [0, 1]) for _ in range(100)]
        >>> losses[-1] < losses[0]
        True
        """
        refuse_unknown(self.train_on_batch, unknown)
        return self._on_batch((x, y, sample_weight), class_weight, return_dict, training=True)

    def test_on_batch(
        self,
        x: Any,
        y: Any,
        *,
        sample_weight: Any = None,
        return_dict: bool = False,
        **unknown: Never,
    ) -> Any:
        """Return loss and metrics on one batch, as `evaluate` with the same arguments.

        Parameters
        ----------
        x, y, sample_weight, return_dict
            As for `train_on_batch`.

        Returns
        -------
        float, list of float, or dict
        """
        refuse_unknown(self.test_on_batch, unknown)
        return self._on_batch((x, y, sample_weight), None, return_dict, training=False)

    def step(self) -> None:
        """Add the penalties' gradients to `gradients`, clip them, and update the parameters.

        Call it after `forward` and its backward. Nothing here scales gradients: in mixed_float16
        multiply dy by a factor and divide `gradients` by it.

        Raises
        ------
        RuntimeError
            If the model is not built or not compiled.

        Examples
        --------
        >>> import numpy as np
        >>> import nnaccel as nn
        >>> x, wanted = np.eye(3, dtype="float32"), np.float32([[0.0], [1.0], [2.0]])
        >>> model = nn.Sequential([nn.Dense(1)], seed=0)
        >>> model.build((3,))
        >>> model.compile("mse", nn.optim.SGD(0.5))
        >>> for _ in range(100):
        ...     y, backward = model.forward(x, training=True)
        ...     dx = backward((y - wanted) / len(x))
        ...     model.step()
        >>> bool(abs(model.predict(x) - wanted).max() < 1e-3)
        True
        """
        self._require_built()
        with self.on_backend(), self._training("step"):
            self._steps().update()
            self._remember()

    def _on_batch(
        self, data: tuple[Any, ...], class_weight: Any, return_dict: bool, training: bool
    ) -> Any:
        """Train or test on (x, y, sample_weight)."""
        loss = self._require_compiled().loss
        what = "train_on_batch" if training else "test_on_batch"
        with self.on_backend(), self._training(what):
            checked = check_weighted(self, loss, data, class_weight)
            logs = self._steps().run(*checked, training=training)
            self._remember()
        values = list(logs.values())
        return logs if return_dict else values if self.metrics else values[0]

    def _steps(self) -> OwnSteps:
        """Return the recorded steps; new ones if anything has changed that they depend on."""
        if self._own_steps is not None:
            steps, before = self._own_steps
            now = self._settings()
            if len(now) == len(before) and all(
                a is b or (type(a) is int and a == b) for a, b in zip(now, before, strict=True)
            ):
                return steps
        check_last_activation(self, self._require_compiled().loss)
        self._own_steps = OwnSteps(self._training_setup()), []
        return self._own_steps[0]

    def _remember(self) -> None:
        """Remember what the recorded steps depend on, as it is after one: it may change some."""
        assert self._own_steps is not None
        self._own_steps = self._own_steps[0], self._settings()

    def _settings(self) -> list[Any]:
        """Return all that the recorded steps depend on."""
        compiled = self._require_compiled()
        pieces = compiled.loss, compiled.optimizer
        values = chain.from_iterable(vars(piece).items() for piece in pieces)
        settings = (value for name, value in values if name != "_learning_rate")
        layers = chain.from_iterable((layer, layer.times_changed) for _, layer in walk(self.layers))
        arrays = self._parameters.weights, self.iterations, self._slots, self._scale
        return [self.backend, compiled, *arrays, *settings, *layers]
