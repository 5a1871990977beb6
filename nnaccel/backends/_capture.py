"""Recording on a GPU: steps captured as CUDA graphs."""

from __future__ import annotations

import contextlib
import gc
import logging
import threading
from typing import Any

from nnaccel.backends._backend import Replay, Step

_log = logging.getLogger("nnaccel")

#: Fewest runs for which a capture, which takes a few milliseconds, pays.
_MIN_RUNS = 4
#: Steps in the second graph, between which the device does not wait for the host.
_STEPS_PER_GRAPH = 16
#: For that graph: fewest runs in one call, and the most bytes that a step's memory pool may hold.
_MIN_REPEATS, _MAX_POOL_BYTES = 64, 64 << 20

_local = threading.local()  # the current capture of each thread


def recording() -> bool:
    """Whether kernels called by this thread are captured instead of run."""
    return getattr(_local, "capture", None) is not None


def host(function: Step) -> None:
    """Run a Python function now, or between two graphs if a step is being captured.

    A user's Python cannot be captured: a graph would repeat the kernels of one call, with the
    numbers that it read, and none of its other effects.
    """
    if recording():
        _local.capture.split(function)
    else:
        function()


def record(cupy: Any, step: Step) -> Replay:
    """Return the replay of `step`, a function of the number of repeats.

    The first runs call `step`, which compiles its kernels and loads the libraries it needs. Then
    it is captured, and its graph launched. A second graph holds several short steps in a row, for
    calls with many repeats. Host rows run between two graphs. Everything that changes from step to
    step must be in arrays on the device.

    Parameters
    ----------
    cupy : module
    step : callable
        Launches kernels on arrays that do not move, and reads the device in host rows only.
    """
    single: _Graphs | None = None
    several: _Graphs | None = None
    runs, has_failed = 0, False

    def replay(repeats: int) -> None:
        nonlocal single, several, runs, has_failed
        if repeats and not runs:
            step()
            runs, repeats = 1, repeats - 1
        if single is None and not has_failed and runs + repeats > _MIN_RUNS:
            single = _capture(cupy, step, 1)
            has_failed = single is None
        if several is None and repeats >= _MIN_REPEATS and single is not None and single.is_short:
            several = _capture(cupy, step, _STEPS_PER_GRAPH)
            has_failed = several is None
        runs += repeats
        while several is not None and repeats >= _STEPS_PER_GRAPH:
            several.launch()
            repeats -= _STEPS_PER_GRAPH
        for _ in range(repeats):
            (single.launch if single is not None else step)()

    return replay


class _Graphs:
    """Captured steps: graphs, the host rows between them, and their memory pool."""

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
        """Whether it pays to capture several of these steps in a row."""
        return not self._has_host_rows and self._pool.total_bytes() <= _MAX_POOL_BYTES

    def launch(self) -> None:
        """Run all graphs and host rows in order."""
        for part in self._parts:
            part()


def _capture(cupy: Any, step: Step, times: int) -> _Graphs | None:
    """Capture a step `times` times in a row; None, and a line in the log, if that fails."""
    collects = gc.isenabled()
    gc.disable()  # a collection during a capture may free memory, which fails it
    try:
        try:
            return _captured(cupy, step, times)
        except MemoryError:  # free the pool of the first runs: the graph needs as much
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
    # A pool of its own: nothing but this graph reuses the memory that the step frees.
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
    """A memory pool that raises as soon as the device is out of memory.

    CuPy's own would first release its free blocks, which a graph may already use.
    """

    def allocate(size: int) -> Any:
        try:
            return cupy.cuda.MemoryPointer(cupy.cuda.Memory(size), 0)
        except cupy.cuda.runtime.CUDARuntimeError as error:
            raise MemoryError(str(error)) from error

    pool = cupy.cuda.MemoryPool(allocate)
    pool.set_limit(size=0)
    return pool
