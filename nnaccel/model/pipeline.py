"""A trained network as a step of scikit-learn's pipelines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np


class PipelineStep(ABC):
    """What a pipeline asks of a step that gives features and has learnt already."""

    @property
    @abstractmethod
    def built(self) -> bool:
        """Whether there is something to compute with."""

    @abstractmethod
    def predict(self, x: Any) -> np.ndarray:
        """Return the outputs for inputs."""

    def transform(self, X: Any) -> np.ndarray:
        """Return the outputs as a table of features, as a step of a scikit-learn pipeline does.

        A trained network, or its slice ``model[:-1]`` without the head, is such a step as it is:
        ``make_pipeline(model[:-1], LogisticRegression())`` fits the regression and leaves the
        network alone.

        Parameters
        ----------
        X : array_like, shape (N, ...)
            As for `fit`.

        Returns
        -------
        array, shape (N, features)
            Maps are laid out flat.

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
        """Return `transform` of X, and train nothing: what fits is what comes after."""
        return self.transform(X)

    def __sklearn_clone__(self) -> Self:
        """The model itself: cross-validation does not train a network anew that is trained."""
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
