"""Trained networks as steps of scikit-learn's pipelines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np


class PipelineStep(ABC):
    """The interface of a fitted transformer in a scikit-learn pipeline."""

    @property
    @abstractmethod
    def built(self) -> bool:
        """Whether the network has parameters."""

    @abstractmethod
    def predict(self, x: Any) -> np.ndarray:
        """Return the outputs for inputs."""

    def transform(self, X: Any) -> np.ndarray:
        """Return the outputs as a table of features, for scikit-learn's pipelines.

        A trained network, or its slice ``model[:-1]``, can be a step of a pipeline:
        ``make_pipeline(model[:-1], LogisticRegression())`` fits the regression and does not change
        the network.

        Parameters
        ----------
        X : array_like, shape (N, ...)
            As for `fit`.

        Returns
        -------
        array, shape (N, features)
            Feature maps are flattened.

        Examples
        --------
        >>> from nnaccel.layers import Dense
        >>> from nnaccel.model.sequential import Sequential
        >>> model = Sequential([Dense(8, "tanh"), Dense(2, "softmax")], seed=0)
        >>> model.build((3,))
        >>> model[:-1].transform(np.eye(3)).shape
        (3, 8)
        """
        outputs = self.predict(X)
        return outputs.reshape(len(outputs), -1)

    def fit_transform(self, X: Any, y: Any = None) -> np.ndarray:
        """Return `transform` of X; trains nothing."""
        return self.transform(X)

    def __sklearn_clone__(self) -> Self:
        """Return the model itself: cross-validation does not retrain a trained network."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return self.built

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(preserves_dtype=["float32", "float64"]),
            input_tags=InputTags(three_d_array=True),
        )
