"""Steps on a GPU: run once as they are, then captured as a CUDA graph that is launched again."""

from __future__ import annotations

import contextlib
import gc
import logging
from typing import Any

from nnaccel.backends._backend import Replay, Step

_log = logging.getLogger("nnaccel")

#: Runs that a capture, which takes a few milliseconds, is worth.
_WORTH = 4
#: Steps that a second graph holds, which a device goes through without waiting for the host.
_TOGETHER = 16
#: Runs at a time that this one is worth, and the most memory of a step that is short enough.
_MANY, _SMALL = 64, 64 << 20


def record(cupy: Any, step: Step) -> Replay:
    """Return what runs `step` so many times.

    The first times it runs as it is: that compiles its kernels and loads the libraries it calls.
    Once it has run so often that it pays it is captured, and from then on the graph is launched;
    short steps that run many at a time are captured several in a row, too. All that changes from
    step to step must be in arrays on the device.

    Parameters
    ----------
    cupy : module
    step : callable
        Launches kernels on arrays that stay where they are, and asks the device nothing.
    """
    graph: Any = None
    row: Any = None
    runs, has_failed = 0, False

    def replay(repeats: int) -> None:
        nonlocal graph, row, runs, has_failed
        if repeats and not runs:
            step()
            runs, repeats = 1, repeats - 1
        if graph is None and not has_failed and runs + repeats > _WORTH:
            graph = _capture(cupy, step, 1)
            has_failed = graph is None
        if row is None and not has_failed and repeats >= _MANY and graph.bytes <= _SMALL:
            row = _capture(cupy, step, _TOGETHER)
            has_failed = row is None
        runs += repeats
        while row is not None and repeats >= _TOGETHER:
            row.launch()
            repeats -= _TOGETHER
        for _ in range(repeats):
            (graph.launch if graph is not None else step)()

    return replay


class _Graph:
    """A captured step, or several in a row, with the memory that its kernels work in."""

    def __init__(self, graph: Any, pool: Any) -> None:
        self._graph, self._pool = graph, pool
        self.launch = graph.launch
        self.bytes: int = pool.total_bytes()


def _capture(cupy: Any, step: Step, times: int) -> _Graph | None:
    """Capture a step so many times in a row; None, and a line in the log, if that fails."""
    collects = gc.isenabled()
    gc.disable()  # nothing that dies meanwhile may give memory back
    try:
        try:
            return _captured(cupy, step, times)
        except MemoryError:  # the first runs' memory lies idle, and the graph needs as much
            cupy.get_default_memory_pool().free_all_blocks()
            return _captured(cupy, step, times)
    except Exception as error:
        _log.warning(
            "%s could not be captured as a CUDA graph and are launched one by one, which is "
            "slower: %s: %s",
            "the kernels of a step" if times == 1 else f"{times} steps",
            type(error).__name__,
            error,
        )
        return None
    finally:
        if collects:
            gc.enable()


def _captured(cupy: Any, step: Step, times: int) -> _Graph:
    """Capture on a stream of its own."""
    # What the step allocates and gives back is taken again by nobody but its graph.
    pool, stream = _pool(cupy), cupy.cuda.Stream(non_blocking=True)
    with stream, cupy.cuda.using_allocator(pool.malloc):
        try:
            stream.begin_capture()
            for _ in range(times):
                step()
        except BaseException:
            with contextlib.suppress(Exception):
                stream.end_capture()
            raise
        return _Graph(stream.end_capture(), pool)


def _pool(cupy: Any) -> Any:
    """A memory pool that fails at once where the device has no more.

    CuPy's own would first give back what lies free in it, which a graph may already count on.
    """

    def allocate(size: int) -> Any:
        try:
            return cupy.cuda.MemoryPointer(cupy.cuda.Memory(size), 0)
        except cupy.cuda.runtime.CUDARuntimeError as error:
            raise MemoryError(str(error)) from error

    pool = cupy.cuda.MemoryPool(allocate)
    pool.set_limit(size=0)
    return pool
