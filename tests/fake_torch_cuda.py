"""A fake `torch.cuda`: what PyTorch does on a CPU, noted while a stream is captured, and repeated.

Like the real one it runs nothing that is captured, and refuses to be read or to be copied to from
the host meanwhile. Captures go to a stream of their own, and into pools that are in use or new. It
proves nothing about a GPU.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

OutOfMemoryError = torch.OutOfMemoryError

#: What happened, in order: 'warm', 'begin', 'end', 'replay'.
events: list[str] = []
free = {"bytes": 1 << 40}
_pools: dict[int, int] = {}  # graphs that live, by handle
_broken: set[int] = set()  # pools that a capture failed in
_current: list[Stream] = []
_READS = {"_local_scalar_dense", "is_nonzero", "nonzero", "equal", "item"}
REFUSED = "operation not permitted when stream is capturing"


class Stream:
    """A stream; the usual one is not for captures."""

    def __init__(self, device: Any = None, usual: bool = False) -> None:
        self.usual = usual

    def wait_stream(self, other: Stream) -> None:
        if not self.usual:
            events.append("warm")


_usual = Stream(usual=True)


def current_stream(device: Any = None) -> Stream:
    return _current[-1] if _current else _usual


@contextlib.contextmanager
def stream(chosen: Stream) -> Iterator[None]:
    _current.append(chosen)
    try:
        yield
    finally:
        _current.pop()


def synchronize(device: Any = None) -> None:
    pass


def mem_get_info(device: Any = None) -> tuple[int, int]:
    return free["bytes"], 1 << 40


def empty_cache() -> None:
    events.append("empty_cache")


def memory_stats(device: Any = None) -> dict[str, int]:
    return {"allocated_bytes.all.allocated": _Noted.bytes}


def graph_pool_handle() -> int:
    handle = len(_pools)
    _pools[handle] = 0
    return handle


class _Noted(TorchDispatchMode):
    """Notes calls instead of running them, but for those that only make tensors."""

    bytes = 0

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Callable[[], None]] = []
        self.failed = False

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        name = function.overloadpacket.__name__
        if name in _READS or (name == "lift_fresh" and args[0].ndim):
            self.failed = True
            raise RuntimeError(f"{REFUSED}: {name}")
        written = [
            kwargs.get(a.name, args[i] if i < len(args) else None)
            for i, a in enumerate(function._schema.arguments)
            if a.alias_info is not None and a.alias_info.is_write
        ]
        if not written:
            result = function(*args, **kwargs)
            if not function.is_view:
                self._note_new(function, args, kwargs, result)
            return result
        self.calls.append(lambda: function(*args, **kwargs))
        return written[0] if len(written) == 1 else tuple(written)

    def _note_new(self, function: Any, args: Any, kwargs: Any, result: Any) -> None:
        """Fill what a call makes again at every replay."""
        made = _tensors(result)
        _Noted.bytes += sum(tensor.nbytes for tensor in made)

        def run() -> None:
            for old, new in zip(made, _tensors(function(*args, **kwargs)), strict=True):
                old.copy_(new)

        if "empty" not in function.overloadpacket.__name__:
            self.calls.append(run)


def _tensors(result: Any) -> list[Any]:
    every = result if isinstance(result, tuple) else (result,)
    return [each for each in every if isinstance(each, torch.Tensor)]


class CUDAGraph:
    """Calls to repeat."""

    replayed = 0

    def capture_begin(self, pool: int, capture_error_mode: str = "global") -> None:
        assert not current_stream().usual, "cannot capture on the usual stream"
        assert capture_error_mode in ("global", "thread_local", "relaxed")
        assert pool not in _broken, "a capture into this pool has failed"
        self._pool, self._noted = pool, _Noted()
        _pools[pool] += 1
        events.append("begin")
        self._noted.__enter__()

    def capture_end(self) -> None:
        self._noted.__exit__(None, None, None)
        if self._noted.failed:
            _broken.add(self._pool)
            raise RuntimeError("capture invalidated")
        events.append("end")

    def replay(self) -> None:
        CUDAGraph.replayed += 1
        events.append("replay")
        for call in self._noted.calls:
            call()

    def __del__(self) -> None:
        if hasattr(self, "_pool"):
            _pools[self._pool] -= 1
            if not _pools[self._pool]:
                _broken.add(self._pool)  # its last graph has gone
