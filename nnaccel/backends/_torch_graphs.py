"""CUDA graphs by PyTorch."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Hashable, Iterator
from typing import Any

from nnaccel.backends._backend import Step
from nnaccel.backends._graph_pool import GraphPool, Graphs
from nnaccel.backends._upload import SHARE


class TorchGraphs(Graphs):
    """How PyTorch captures.

    Parameters
    ----------
    cuda : module
        `torch.cuda`.
    device : torch.device
    """

    def __init__(self, cuda: Any, device: Any) -> None:
        self._cuda, self._device = cuda, device
        self._side: Any = None

    def device(self) -> Hashable:
        return "torch", str(self._device)

    def new_pool(self) -> GraphPool:
        return TorchPool(self._cuda, self._device)

    def free_idle(self) -> None:
        self._cuda.empty_cache()

    def has_room(self, nbytes: int) -> bool:
        """Whether a data set of so many bytes may stay on the device."""
        free, _ = self._cuda.mem_get_info(self._device)
        return bool(nbytes <= SHARE * free)

    def warm_up(self, step: Step) -> None:
        """Run a step on another stream, as PyTorch asks for before a capture."""
        self._side = self._side or self._cuda.Stream(self._device)
        usual = self._cuda.current_stream(self._device)
        self._side.wait_stream(usual)
        with self._cuda.stream(self._side):
            step()
        usual.wait_stream(self._side)


class TorchPool(GraphPool):
    """Private pools of PyTorch's allocator, which frees each with its last graph and tensor.

    Nothing may be captured into a pool whose graphs have gone, or in which a capture has failed.

    Parameters
    ----------
    cuda : module
    device : torch.device
    """

    def __init__(self, cuda: Any, device: Any) -> None:
        super().__init__()
        self._cuda, self._device, self._stream = cuda, device, cuda.Stream(device)
        self._handle: Any = None
        self._alive = weakref.WeakSet[Any]()  # graphs in the pool of this handle
        self._graph: Any = None

    @property
    def allocated(self) -> int:
        return int(self._cuda.memory_stats(self._device).get("allocated_bytes.all.allocated", 0))

    @contextlib.contextmanager
    def capturing(self) -> Iterator[None]:
        self._cuda.synchronize(self._device)
        try:
            with self._cuda.stream(self._stream):
                yield
        except self._cuda.OutOfMemoryError as error:
            raise MemoryError(str(error)) from error

    def begin(self) -> None:
        if not self._alive:
            self._handle = self._cuda.graph_pool_handle()
        self._graph = self._cuda.CUDAGraph()
        self._graph.capture_begin(self._handle, "thread_local")  # others may allocate meanwhile

    def end(self) -> Step:
        graph, self._graph = self._graph, None
        try:
            graph.capture_end()
        except Exception:
            self._alive.clear()
            raise
        self._alive.add(graph)
        return graph.replay  # type: ignore[no-any-return]

    def free(self) -> None:
        pass
