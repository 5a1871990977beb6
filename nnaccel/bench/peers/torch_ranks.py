"""Either network in PyTorch on several ranks: DistributedDataParallel over gloo, optim.SGD."""

from __future__ import annotations

import atexit

import torch
from torch import distributed
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from nnaccel import _config
from nnaccel.bench.cnn_problem import CnnProblem
from nnaccel.bench.peers.torch_cnn import TorchCNN
from nnaccel.bench.peers.torch_mlp import TorchMLP
from nnaccel.bench.problem import IntArray, Problem, Weights
from nnaccel.training.communicator import Communicator


class TorchRanks:
    """A network trained by PyTorch, a process a rank, with as many threads as nnaccel has.

    Each rank takes its share of the rows of every batch, as in nnaccel.

    Parameters
    ----------
    problem : Problem or CnnProblem
    distributed : Communicator
        Of the ranks, all on this machine; it tells them where PyTorch's own meet.
    """

    def __init__(self, problem: Problem | CnnProblem, distributed: Communicator) -> None:
        torch.set_num_threads(_config.num_threads())
        self._rank, self._size = distributed.rank, distributed.size
        one = TorchCNN(problem) if isinstance(problem, CnnProblem) else TorchMLP(problem)
        self._one: TorchCNN | TorchMLP = one
        self._model: torch.nn.Module = one.model
        if self._size > 1:
            _join(distributed)
            self._model = DistributedDataParallel(one.model, gradient_as_bucket_view=True)

    def epoch(self, order: IntArray | None) -> float:
        """Train one epoch in the given row order; return its mean loss over all ranks."""
        x, labels, optimizer = self._one.x, self._one.labels, self._one.optimizer
        rows = torch.arange(len(x)) if order is None else torch.from_numpy(order)
        total = torch.zeros((), dtype=torch.float64)
        for batch in rows.split(self._one.problem.batch_size):
            own = batch.tensor_split(self._size)[self._rank]
            outputs = self._model(x.index_select(0, own))
            loss = functional.cross_entropy(outputs, labels.index_select(0, own), reduction="sum")
            optimizer.zero_grad()
            (loss * (self._size / len(batch))).backward()  # gradients are averaged over the ranks
            optimizer.step()
            total += loss.detach()
        if self._size > 1:
            distributed.all_reduce(total)
        return float(total) / len(x)

    def weights(self) -> Weights:
        """Current (w, b) of each layer that has them, the same on all ranks."""
        return self._one.weights()


def _join(comm: Communicator) -> None:
    """Let PyTorch's ranks meet, once a process, at a free port of this machine."""
    if distributed.is_initialized():
        return
    meet = distributed.TCPStore
    if comm.rank == 0:
        store = meet("127.0.0.1", 0, comm.size, is_master=True, wait_for_workers=False)
        comm.broadcast(str(store.port).encode())
    else:
        store = meet("127.0.0.1", int(comm.broadcast(b"")), comm.size)
    distributed.init_process_group("gloo", store=store, rank=comm.rank, world_size=comm.size)
    atexit.register(distributed.destroy_process_group)
