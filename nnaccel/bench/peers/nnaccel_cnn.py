"""The network in nnaccel: Sequential.fit on float32 images."""

from __future__ import annotations

from nnaccel.bench.cnn_problem import CnnProblem
from nnaccel.bench.peers.nnaccel_model import NnaccelModel
from nnaccel.layers import Layer
from nnaccel.model.architectures import convolutional


class NnaccelCNN(NnaccelModel):
    """CNN trained by nnaccel, which shuffles by itself."""

    problem: CnnProblem

    def _hidden(self) -> list[Layer]:
        return convolutional(self.problem.architecture)
