"""The epoch in nnaccel: Sequential.fit on float32 rows or on uint8 images."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nnaccel.bench.peers.nnaccel_model import NnaccelModel
from nnaccel.bench.problem import Problem
from nnaccel.layers import Dense, Layer


class NnaccelMLP(NnaccelModel):
    """MLP trained by nnaccel, which shuffles by itself."""

    problem: Problem

    def _hidden(self) -> list[Layer]:
        return [Dense(units, "relu") for units in self.problem.hidden]


class NnaccelUint8MLP(NnaccelMLP):
    """The same from uint8 images, scaled as each batch is gathered: a quarter of the memory."""

    def _inputs(self) -> npt.NDArray[np.uint8]:
        return self.problem.images[:, None]  # images of one line: a table would be taken as numbers
