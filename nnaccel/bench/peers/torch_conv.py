"""The convolution in PyTorch: oneDNN on the CPU, without the overhead of autograd."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from nnaccel.bench.conv_problem import ConvProblem, Results


class TorchConv:
    """`conv2d`, and the function that autograd calls for its gradients, on NCHW tensors."""

    memory_format = torch.contiguous_format

    def __init__(self, problem: ConvProblem) -> None:
        self.problem = problem
        self.x, self.w, self.dy = map(self._tensor, (problem.x, problem.w, problem.dy))
        self.b = torch.from_numpy(problem.b)
        shape = problem.shape
        self.stride, self.padding = [shape.stride] * 2, [shape.padding] * 2
        self.dilation, self.groups = [shape.dilation] * 2, shape.groups

    def forward(self) -> Results:
        """Compute and return (y,)."""
        with torch.inference_mode():
            y = functional.conv2d(
                self.x, self.w, self.b, self.stride, self.padding, self.dilation, self.groups
            )
        return (y.numpy(),)

    def backward(self) -> Results:
        """Compute and return (dx, dw, db)."""
        with torch.inference_mode():
            grads = torch.ops.aten.convolution_backward(
                self.dy, self.x, self.w, [len(self.b)], self.stride, self.padding, self.dilation,
                False, [0, 0], self.groups, [True] * 3,
            )  # fmt: skip
        return tuple(grad.numpy() for grad in grads)

    def _tensor(self, a: Any) -> Any:
        return torch.from_numpy(a).contiguous(memory_format=self.memory_format)


class TorchChannelsLastConv(TorchConv):
    """The same on tensors converted to channels-last beforehand."""

    memory_format = torch.channels_last
