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


def record(cupy: Any, step: Step) -> Replay:
    """Return what runs `step` so many times.

    The first times it runs as it is: that compiles its kernels and loads the libraries it calls.
    Once it has run so often that it pays it is captured, and from then on the graph is launched.
    All that changes from step to step must be in arrays on the device.

    Parameters
    ----------
    cupy : module
    step : callable
        Launches kernels on arrays that stay where they are, and asks the device nothing.
    """
    graph: Any = None
    runs, has_failed = 0, False

    def replay(repeats: int) -> None:
        nonlocal graph, runs, has_failed
        if repeats and not runs:
            step()
            runs, repeats = 1, repeats - 1
        if graph is None and not has_failed and runs + repeats > _WORTH:
            graph = _capture(cupy, step)
            has_failed = graph is None
        for _ in range(repeats):
            if graph is None:
                step()
            else:
                graph.launch()
        runs += repeats

    return replay


class _Graph:
    """A captured step, with the memory that its kernels work in."""

    def __init__(self, graph: Any, pool: Any) -> None:
        self._graph, self._pool = graph, pool
        self.launch = graph.launch


def _capture(cupy: Any, step: Step) -> _Graph | None:
    """Capture a step on a stream of its own; None, and a line in the log, if that fails."""
    collects = gc.isenabled()
    gc.disable()  # nothing that dies meanwhile may give memory back
    try:
        try:
            return _captured(cupy, step)
        except MemoryError:  # the first runs' memory lies idle, and the graph needs as much
            cupy.get_default_memory_pool().free_all_blocks()
            return _captured(cupy, step)
    except Exception as error:
        _log.warning(
            "a step could not be captured as a CUDA graph and runs kernel by kernel, which is "
            "slower: %s: %s",
            type(error).__name__,
            error,
        )
        return None
    finally:
        if collects:
            gc.enable()


def _captured(cupy: Any, step: Step) -> _Graph:
    # What the step allocates and gives back is taken again by nobody but its graph.
    pool, stream = _pool(cupy), cupy.cuda.Stream(non_blocking=True)
    with stream, cupy.cuda.using_allocator(pool.malloc):
        try:
            stream.begin_capture()
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
