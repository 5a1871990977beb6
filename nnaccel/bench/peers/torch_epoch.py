"""An epoch of training in PyTorch, eager, as its tutorials have it."""

from __future__ import annotations

import torch
from torch.nn import functional

from nnaccel.bench.problem import IntArray


def train_epoch(
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    x: torch.Tensor,
    labels: torch.Tensor,
    order: IntArray | None,
    batch_size: int,
) -> float:
    """Train one epoch in the given row order, or that of the rows; return its mean loss."""
    n = len(x)
    rows = torch.arange(n) if order is None else torch.from_numpy(order)
    total = 0.0
    for batch in rows.split(batch_size):
        inputs, targets = x.index_select(0, batch), labels.index_select(0, batch)
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(inputs), targets)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(batch)
    return total / n
