"""Steps on a GPU: run once as they are, then captured as a CUDA graph that is launched again."""

from __future__ import annotations

import contextlib
import gc
import logging
import threading
from typing import Any

from nnaccel.backends._backend import Replay, Step

_log = logging.getLogger("nnaccel")

#: Runs that a capture, which takes a few milliseconds, is worth.
_WORTH = 4
#: Steps that a second graph holds, which a device goes through without waiting for the host.
_TOGETHER = 16
#: Runs at a time that this one is worth, and the most memory of a step that is short enough.
_MANY, _SMALL = 64, 64 << 20

_local = threading.local()  # the capture under way in each thread


def recording() -> bool:
    """Whether this thread's kernels are captured rather than run."""
    return getattr(_local, "capture", None) is not None


def host(function: Step) -> None:
    """Call a Python function now, or end the graph being captured, so that it runs before the next.

    What a user's Python does cannot be captured: a graph would repeat the kernels of one call, with
    the numbers that it read, and none of its other effects.
    """
    if recording():
        _local.capture.split(function)
    else:
        function()


def record(cupy: Any, step: Step) -> Replay:
    """Return what runs `step` so many times.

    The first times it runs as it is: that compiles its kernels and loads the libraries it calls.
    Once it has run so often that it pays it is captured, and from then on the graph is launched;
    short steps that run many at a time are captured several in a row, too. Host rows run between
    two graphs. All that changes from step to step must be in arrays on the device.

    Parameters
    ----------
    cupy : module
    step : callable
        Launches kernels on arrays that stay where they are, and asks the device nothing but in host
        rows.
    """
    graph: _Graphs | None = None
    row: _Graphs | None = None
    runs, has_failed = 0, False

    def replay(repeats: int) -> None:
        nonlocal graph, row, runs, has_failed
        if repeats and not runs:
            step()
            runs, repeats = 1, repeats - 1
        if graph is None and not has_failed and runs + repeats > _WORTH:
            graph = _capture(cupy, step, 1)
            has_failed = graph is None
        if row is None and repeats >= _MANY and graph is not None and graph.is_short:
            row = _capture(cupy, step, _TOGETHER)
            has_failed = row is None
        runs += repeats
        while row is not None and repeats >= _TOGETHER:
            row.launch()
            repeats -= _TOGETHER
        for _ in range(repeats):
            (graph.launch if graph is not None else step)()

    return replay


class _Graphs:
    """A captured step, or several in a row: graphs with host rows between them.

    Holds the memory that the kernels work in.
    """

    def __init__(self, pool: Any, stream: Any) -> None:
        self._pool, self._stream = pool, stream
        self._parts: list[Step] = []
        self._has_host_rows = False

    def split(self, function: Step) -> None:
        """End the graph being captured, add a host row, and begin the next graph."""
        if not self._has_host_rows:
            _log.info("a step has parts in Python, which run between two CUDA graphs")
        self._has_host_rows = True
        self._parts += self._stream.end_capture().launch, function
        self._stream.begin_capture()

    def finish(self) -> None:
        """End the last graph."""
        self._parts.append(self._stream.end_capture().launch)

    @property
    def is_short(self) -> bool:
        """Whether several of these in a row are worth a graph."""
        return not self._has_host_rows and self._pool.total_bytes() <= _SMALL

    def launch(self) -> None:
        """Run all graphs and host rows in order."""
        for part in self._parts:
            part()


def _capture(cupy: Any, step: Step, times: int) -> _Graphs | None:
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


def _captured(cupy: Any, step: Step, times: int) -> _Graphs:
    """Capture on a stream of its own."""
    # What the step allocates and gives back is taken again by nobody but its graph.
    pool, stream = _pool(cupy), cupy.cuda.Stream(non_blocking=True)
    graphs = _Graphs(pool, stream)
    with stream, cupy.cuda.using_allocator(pool.malloc):
        try:
            _local.capture = graphs
            stream.begin_capture()
            for _ in range(times):
                step()
        except BaseException:
            with contextlib.suppress(Exception):
                stream.end_capture()
            raise
        finally:
            _local.capture = None
        graphs.finish()
        return graphs


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
