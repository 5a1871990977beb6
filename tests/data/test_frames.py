"""Frames of pandas and columns of objects in `Sequential.fit`, as the estimators take them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from nnaccel.estimators import LogisticRegression
from nnaccel.layers import Dense
from nnaccel.model.sequential import Sequential

RNG = np.random.default_rng(0)
SIZE, TOWN = RNG.normal(size=40), ["Bonn", "Ulm"] * 20
PLAIN = np.column_stack([SIZE, np.arange(40) % 2])

FRAMES = {
    "dummies": pd.get_dummies(pd.DataFrame({"size": SIZE, "town": TOWN}), drop_first=True),
    "nullable": pd.DataFrame({"size": SIZE, "town": np.arange(40) % 2}).convert_dtypes(),
    "nullable booleans": pd.DataFrame({"size": SIZE, "town": np.arange(40) % 2 == 1}).astype(
        {"size": "Float64", "town": "boolean"}
    ),
    "objects": pd.DataFrame({"size": SIZE, "town": np.arange(40) % 2}).astype(object),
    "an array of objects": PLAIN.astype(object),
}


def model() -> Sequential:
    made = Sequential([Dense(4, "tanh"), Dense(2, "softmax")], seed=0)
    made.compile(loss="categorical_crossentropy", optimizer="adam")
    return made


@pytest.mark.parametrize("kind", FRAMES)
def test_frames_are_taken_as_the_estimators_take_them(kind: str) -> None:
    x, y = FRAMES[kind], pd.Series(np.arange(40) % 2, dtype="Int64")
    LogisticRegression(penalty="l2").fit(x, y.astype(int))
    made, same = model(), model()
    weights = pd.Series(np.ones(40), dtype="Float64")
    split = {"validation_split": 0.25}
    losses = [
        made.fit(x, y, epochs=2, sample_weight=weights, verbose=0, **split).history["loss"],
        same.fit(PLAIN, np.arange(40) % 2, epochs=2, verbose=0, **split).history["loss"],
    ]
    assert losses[0] == losses[1]
    np.testing.assert_array_equal(made.predict(x), same.predict(PLAIN))


@pytest.mark.parametrize("kind", [scipy.sparse.csr_matrix, scipy.sparse.coo_array])
def test_sparse_inputs_are_refused_with_the_remedy(kind: Any) -> None:
    x = kind(PLAIN)
    with pytest.raises(ValueError, match=rf"a sparse {kind.__name__}\. To fix: give \.toarray"):
        model().fit(x, np.arange(40) % 2)
    with pytest.raises(ValueError, match="sparse"):
        model().predict(x)


@pytest.mark.parametrize(("odd", "words"), [(pd.NA, "hold <NA> of type NAType"), ("far", "'far'")])
def test_objects_that_are_no_numbers_are_named(odd: Any, words: str) -> None:
    x = PLAIN.astype(object)
    x[3, 1] = odd
    with pytest.raises(ValueError, match=f"{words}.*; expected numbers, none of them missing"):
        model().fit(x, np.arange(40) % 2)
