"""Training in PyTorch as its good user would run it on a GPU, eager and as a CUDA graph."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.gpu import pytorch
from benchmarks.gpu.timing import torch_clock


class TorchEager:
    """A module trained by SGD; batches of shuffled rows are gathered on the device.

    `module` is on the CPU with its initial weights, and is moved. `half` is the dtype of
    activations under autocast: 'bfloat16', or 'float16', whose gradients are scaled.
    """

    def __init__(
        self, problem: Any, module: Any, channels_last: bool = False, half: str = ""
    ) -> None:
        import torch

        device = pytorch.DEVICE
        self.problem = problem
        memory = torch.channels_last if channels_last else torch.contiguous_format
        self.x = torch.from_numpy(problem.x).to(device, memory_format=memory)
        self.labels = torch.from_numpy(problem.labels).to(device)
        self.module = module.to(device, memory_format=memory)
        self.rows, self.batch_size = len(self.x), problem.batch_size
        # Fused, since otherwise a scaler of gradients waits for the device at every step.
        self.optimizer = torch.optim.SGD(
            self.module.parameters(), lr=problem.learning_rate, fused=True
        )
        self.half = getattr(torch, half) if half else None
        self.scaler = torch.amp.GradScaler(device, enabled=half == "float16")
        self.total = torch.zeros((), device=device)

    def epoch(self, order: Any) -> float:
        """Train on the rows in that order; return the mean loss."""
        self.total.zero_()
        for batch in order.split(self.batch_size):
            self.step(batch)
        return float(self.total.item()) / self.rows

    def step(self, batch: Any) -> None:
        """Train on a batch of rows, and add up its loss."""
        self.optimizer.zero_grad()
        with self.autocast():
            loss = self.loss(batch)
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.total += loss.detach() * len(batch)

    def autocast(self) -> Any:
        """Compute in 16 bits where PyTorch does so, if at all."""
        import torch

        if self.half is None:
            return contextlib.nullcontext()
        # No cache: a graph has to round the weights anew, and here each is used once.
        return torch.autocast(pytorch.DEVICE, self.half, cache_enabled=False)

    def loss(self, batch: Any) -> Any:
        """Mean loss of a batch of rows."""
        from torch.nn.functional import cross_entropy

        outputs = self.module(self.x.index_select(0, batch))
        return cross_entropy(outputs, self.labels.index_select(0, batch))

    def epoch_ms(self, _calls: int = 1) -> float:
        """Milliseconds of an epoch in a new order."""
        import torch

        stop = torch_clock()
        self.epoch(torch.randperm(self.rows, device=self.x.device))
        return stop()

    def epoch_in_order(self) -> None:
        """Train on the rows as they stand."""
        import torch

        self.epoch(torch.arange(self.rows, device=self.x.device))

    def weights(self) -> Any:
        """All parameters, flat, in nnaccel's order: dense weights as (in, out)."""
        arrays = [p.detach().cpu().numpy() for p in self.module.parameters()]
        return np.concatenate([(a.T if a.ndim == 2 else a).ravel() for a in arrays])


class TorchGraph(TorchEager):
    """The same, every step replayed as a CUDA graph that finds its batch itself."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        import torch

        device = self.x.device
        self.order = torch.arange(self.rows, device=device)
        self.cursor = torch.zeros((), dtype=torch.int64, device=device)
        self.places = torch.arange(self.batch_size, device=device)
        self.full, self.rest = divmod(self.rows, self.batch_size)
        # What warming up has learnt is undone.
        start = [p.detach().clone() for p in self.module.parameters()]
        sizes = [rows for rows in (self.batch_size, self.rest) if 0 < rows <= self.rows]
        self.replays = {rows: self.capture(rows) for rows in sizes}
        with torch.no_grad():
            for parameter, value in zip(self.module.parameters(), start, strict=True):
                parameter.copy_(value)

    def capture(self, rows: int) -> Callable[[int], None]:
        """Return what replays the step of a batch of so many rows."""
        self.cursor.zero_()
        return pytorch.capture(lambda: self.step(self.next_batch(rows)))

    def next_batch(self, rows: int) -> Any:
        """Look the next rows up at the cursor, on the device."""
        # A modulus, since warming up may reach beyond the rows of a small set.
        batch = self.order.index_select(0, (self.cursor + self.places[:rows]) % self.rows)
        self.cursor += rows
        return batch

    def epoch(self, order: Any) -> float:
        """Train on the rows in that order; return the mean loss."""
        self.order.copy_(order)
        self.cursor.zero_()
        self.total.zero_()
        if self.full:
            self.replays[self.batch_size](self.full)
        if self.rest:
            self.replays[self.rest](1)
        return float(self.total.item()) / self.rows
