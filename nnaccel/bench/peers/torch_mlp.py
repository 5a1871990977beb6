"""The epoch in PyTorch, eager: nn.Linear, cross_entropy, optim.SGD, with data as tensors."""

from __future__ import annotations

from itertools import pairwise

import torch

from nnaccel.bench.peers.torch_epoch import train_epoch
from nnaccel.bench.problem import IntArray, Problem, Weights


class TorchMLP:
    """MLP trained by PyTorch on the CPU with its default number of threads."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.x = torch.from_numpy(problem.x)
        self.labels = torch.from_numpy(problem.labels)
        self.linears = [torch.nn.Linear(i, o) for i, o in pairwise(problem.sizes)]
        with torch.no_grad():
            for linear, (w, b) in zip(self.linears, problem.initial_weights(), strict=True):
                linear.weight.copy_(torch.from_numpy(w.T))
                linear.bias.copy_(torch.from_numpy(b))
        layers: list[torch.nn.Module] = []
        for linear in self.linears:
            layers += [linear, torch.nn.ReLU()]
        self.model = torch.nn.Sequential(*layers[:-1])
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=problem.learning_rate)

    def epoch(self, order: IntArray | None) -> float:
        """Train one epoch in the given row order; return its mean loss."""
        rows = self.problem.batch_size
        return train_epoch(self.model, self.optimizer, self.x, self.labels, order, rows)

    def weights(self) -> Weights:
        """Current (w, b) of each layer."""
        return [
            (linear.weight.detach().numpy().T, linear.bias.detach().numpy())
            for linear in self.linears
        ]
