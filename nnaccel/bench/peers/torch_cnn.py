"""The network in PyTorch, eager: nn.Conv2d, nn.MaxPool2d, nn.Linear, optim.SGD."""

from __future__ import annotations

import torch

from nnaccel.bench.cnn_problem import CnnProblem
from nnaccel.bench.peers.torch_epoch import train_epoch
from nnaccel.bench.problem import IntArray, Weights
from nnaccel.model.architectures import ARCHITECTURES, Conv, Hidden, Pool


class TorchCNN:
    """CNN trained by PyTorch on the CPU with its default number of threads."""

    def __init__(self, problem: CnnProblem, channels_last: bool = False) -> None:
        self.problem = problem
        order = torch.channels_last if channels_last else torch.contiguous_format
        self.x = torch.from_numpy(problem.x).contiguous(memory_format=order)
        self.labels = torch.from_numpy(problem.labels)
        self.model = _modules(problem).to(memory_format=order)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=problem.learning_rate)

    def epoch(self, order: IntArray | None) -> float:
        """Train one epoch in the given row order; return its mean loss."""
        rows = self.problem.batch_size
        return train_epoch(self.model, self.optimizer, self.x, self.labels, order, rows)

    def weights(self) -> Weights:
        """Current (w, b) of each layer that has them, w of a dense one as (in, out)."""
        found = []
        for module in self.model:
            if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
                w = module.weight.detach().numpy()
                found.append((w.T if w.ndim == 2 else w, module.bias.detach().numpy()))
        return found


def _modules(problem: CnnProblem) -> torch.nn.Sequential:
    """Build the architecture with the problem's initial weights."""
    weights = iter(problem.initial_weights())
    modules: list[torch.nn.Module] = []
    for step in ARCHITECTURES[problem.architecture]:
        match step:
            case Conv():
                modules += [_conv(*next(weights)), torch.nn.ReLU()]
            case Pool(size):
                modules.append(torch.nn.MaxPool2d(size))
            case Hidden():
                modules += [torch.nn.Flatten(), _linear(*next(weights)), torch.nn.ReLU()]
    return torch.nn.Sequential(*modules, _linear(*next(weights)))


def _conv(w: torch.Tensor, b: torch.Tensor) -> torch.nn.Module:
    filters, channels, *size = w.shape
    return _filled(torch.nn.Conv2d(channels, filters, tuple(size)), w, b)


def _linear(w: torch.Tensor, b: torch.Tensor) -> torch.nn.Module:
    return _filled(torch.nn.Linear(*w.shape), w.T, b)


def _filled(module: torch.nn.Module, w: torch.Tensor, b: torch.Tensor) -> torch.nn.Module:
    """Overwrite a module's parameters."""
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(w))
        module.bias.copy_(torch.from_numpy(b))
    return module
