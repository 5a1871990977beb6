"""Data that several rungs share."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ..fake_cupy import backend, fake_cupy  # noqa: F401


@pytest.fixture(scope="session")
def height_wages() -> Any:
    """The tutorial's sample, where NNACCEL_DATA has it: x (100, 1) and y (100,)."""
    path = Path(os.environ.get("NNACCEL_DATA") or os.devnull) / "height_wages.csv"
    if not path.is_file():
        pytest.skip("no height_wages.csv in NNACCEL_DATA")
    with path.open() as file:
        table = np.array([[float(row["x"]), float(row["y"])] for row in csv.DictReader(file)])
    return table[:, :1], table[:, 1]


@pytest.fixture(scope="session")
def two_irises() -> Any:
    """Sepal and petal length of versicolor and virginica, over the largest value."""
    from sklearn.datasets import load_iris

    flowers = load_iris()
    chosen = flowers.target > 0
    names = np.array(["setosa", "versicolor", "virginica"])
    return flowers.data[chosen][:, [0, 2]] / 7.9, names[flowers.target[chosen]]
