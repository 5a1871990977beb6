"""The reduction of a step: what shards of a batch leave, summed over them and over the ranks."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from nnaccel.backends import Array, Backend
from nnaccel.network.chain import Network
from nnaccel.training.communicator import Communicator
from nnaccel.training.share import Share


class Reduction:
    """Sums gradients, and changes of states, over the shards of a batch and over the ranks.

    What a shard leaves counts by its share of the batch's rows, so that the sum of gradients is
    that of the mean loss. Dropout is told where in the batch a shard begins.

    Parameters
    ----------
    comm : Communicator
    network : Network
        A built network.
    share : Share
    rows : int
        Rows of the whole batch.

    Attributes
    ----------
    weights : list of array of one float64
        Share of rows of each of this rank's shards, on the backend.
    """

    def __init__(self, comm: Communicator, network: Network, share: Share, rows: int) -> None:
        self._comm, self._network, self._backend = comm, network, network.backend
        self._shards, self._slices = share.shards(rows), share.slices(rows)
        self.weights = [
            self._backend.asarray(np.array([(end - first) / rows])) for first, end in self._shards
        ]
        count = len(self._shards)
        spans = [network.gradients[segment.place] for segment in network.segments()]
        self._gradients = [_Tree(self._backend, flat, count) for flat in spans]
        self._states = _StateChange(self._backend, network.states, count)
        self._sum = None if comm.size == 1 else partial(comm.all_reduce, self._backend)
        if comm.shards > comm.size and is_synchronized(network):
            raise ValueError(
                "BatchNorm(synchronized=True) needs the rows of all ranks at once, and "
                "nn.distributed.init(deterministic=True) computes them part by part: choose one"
            )

    def run(self) -> Iterator[tuple[int, slice]]:
        """Yield each shard's number and rows among this rank's; the caller then runs it backward.

        Gradients and states are the same on all ranks after the last one.
        """
        for number, (first, end) in enumerate(self._shards):
            self._network.place_rows(first, self._sum)
            self._states.begin(number)
            yield number, self._slices[number]
            if first == end:
                self._backend.host(self._clear)
            self._states.end(number, self.weights[number])
            for tree in self._gradients:
                tree.add(number)
        for tree in self._gradients:
            self._comm.all_reduce(self._backend, tree.array)
        self._states.finish(self._comm)
        self._network.place_rows(0)

    def _clear(self) -> None:
        """Leave the gradients of no rows."""
        self._network.gradients[...] = 0


def is_synchronized(network: Network) -> bool:
    """Whether layers go by the rows of all ranks, so that one without rows takes part too."""
    return any(getattr(layer, "synchronized", False) for layer in network.leaves)


class _Tree:
    """Sums what an array holds after each shard, along a binary tree, in the array itself.

    Any power of two of shards in a row is a subtree, so the sum is the same, bit for bit, whether
    one rank has them or several.

    Parameters
    ----------
    backend : Backend
    array : array, shape (n,)
    count : int
        Shards.
    """

    def __init__(self, backend: Backend, array: Array, count: int) -> None:
        self._kernels: Any = backend.kernels
        self.array = array
        levels = (count - 1).bit_length()
        self._partial = [backend.empty(array.shape, array.dtype) for _ in range(levels)]

    def add(self, number: int) -> None:
        """Add what the array holds after shard `number`: then, with the last, it holds the sum."""
        level = 0
        while number >> level & 1:
            self._kernels.add(self._partial[level], self.array, self.array)
            level += 1
        if level < len(self._partial):
            _copy(self._kernels, self.array, self._partial[level])


class _StateChange:
    """The weighted mean of how shards change the states, such as running means, in a step."""

    def __init__(self, backend: Backend, states: Array, count: int) -> None:
        self._kernels: Any = backend.kernels
        self._backend, self._states = backend, states
        self._minus = backend.empty(states.shape, states.dtype)  # what they were, negated
        self._negative = backend.asarray(np.full(1, -1.0))
        self._tree = _Tree(backend, states, count)

    def begin(self, number: int) -> None:
        """Begin a shard with the states of before the step."""
        if not self._states.size:
            return
        pair = (self._minus, self._states) if number else (self._states, self._minus)
        _copy(self._kernels, *pair)
        self._kernels.scale_gradient(pair[1], self._negative)

    def end(self, number: int, weight: Array) -> None:
        """Keep the change instead of the states."""
        if self._states.size:
            self._kernels.add(self._states, self._minus, self._states)
            self._kernels.scale_gradient(self._states, weight)
            self._tree.add(number)

    def finish(self, comm: Communicator) -> None:
        """Add the mean change to the states."""
        if self._states.size:
            comm.all_reduce(self._backend, self._states)
            self._kernels.scale_gradient(self._minus, self._negative)
            self._kernels.add(self._states, self._minus, self._states)


def _copy(kernels: Any, x: Array, y: Array) -> None:
    kernels.copy(x.reshape(1, 1, 1, x.size), y.reshape(1, 1, 1, y.size))
