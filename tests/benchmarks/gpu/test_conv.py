"""Convolutions in every direction, by nnaccel's ops and by PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import nnaccel as nn
from benchmarks.gpu import conv, pytorch
from nnaccel.bench.conv_problem import ConvProblem
from nnaccel.bench.shapes import parse


def test_convolutions_agree_in_every_direction() -> None:
    problem = ConvProblem.draw(parse("2x4x9x9-k6-3x3-s2-p1-g2"))
    wanted = nn.ops.conv2d_backward(problem.dy, problem.x, problem.w, stride=2, padding=1, groups=2)
    y = nn.ops.conv2d(problem.x, problem.w, problem.b, stride=2, padding=1, groups=2)
    for direction, array in zip(conv.DIRECTIONS, (y, *wanted[:2]), strict=True):
        np.testing.assert_allclose(conv.ours(problem, direction)(), array, 1e-3, 1e-4)


def test_pytorch_computes_the_same_convolutions(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch", reason="PyTorch is an extra of the benchmarks")
    monkeypatch.setattr(pytorch, "DEVICE", "cpu")
    problem = ConvProblem.draw(parse("2x4x9x9-k6-3x3-s2-p1-g2"))
    for direction in conv.DIRECTIONS:
        got, wanted = conv.cudnn(problem, direction)(), conv.ours(problem, direction)()
        np.testing.assert_allclose(got.numpy(), wanted, 1e-3, 1e-4)
