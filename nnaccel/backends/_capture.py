"""Recording on a GPU: steps captured as CUDA graphs."""

from __future__ import annotations

import contextlib
import gc
import logging
import sys
import threading

from nnaccel.backends._backend import Replay, Step
from nnaccel.backends._graph_pool import GraphPool, Graphs

_log = logging.getLogger("nnaccel")

#: Fewest runs for which a capture, which takes a few milliseconds, pays.
_MIN_RUNS = 4
#: Steps in the second graph, between which the device does not wait for the host.
_STEPS_PER_GRAPH = 16
#: For that graph: fewest runs in one call, and the most bytes that a step may allocate in all.
_MIN_REPEATS, _MAX_STEP_BYTES = 64, 64 << 20

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


def record(library: Graphs, step: Step) -> Replay:
    """Return the replay of `step`, a function of the number of repeats.

    The first runs call `step`, which compiles its kernels and loads the libraries it needs. Then
    it is captured, and its graph launched. A second graph holds several short steps in a row, for
    calls with many repeats. Host rows run between two graphs. Everything that changes from step to
    step must be in arrays on the device.

    Parameters
    ----------
    library : Graphs
    step : callable
        Launches kernels on arrays that do not move, and reads the device in host rows only.
    """
    single: _Captured | None = None
    several: _Captured | None = None
    held: object = None
    runs, has_failed = 0, False

    def replay(repeats: int) -> None:
        nonlocal single, several, held, runs, has_failed
        if repeats and not runs:
            library.warm_up(step)
            runs, repeats = 1, repeats - 1
        if single is None and not has_failed and runs + repeats > _MIN_RUNS:
            single, held = _capture(library, step, 1), library.lease()
            has_failed = single is None
        if several is None and repeats >= _MIN_REPEATS and single is not None and single.is_short:
            several = _capture(library, step, _STEPS_PER_GRAPH)
            has_failed = several is None
        runs += repeats
        while several is not None and repeats >= _STEPS_PER_GRAPH:
            several.launch()
            repeats -= _STEPS_PER_GRAPH
        for _ in range(repeats):
            (single.launch if single is not None else step)()

    return replay


class _HostRowError(Exception):
    """A step in the shared pool has a host row."""


class _Captured:
    """Captured steps: graphs, and the host rows between them.

    Steps without host rows share a pool. During a host row other graphs may run, such as those of a
    metric that predicts, so steps that have one need a pool of their own.
    """

    def __init__(self, pool: GraphPool, is_shared: bool) -> None:
        self._pool, self._is_shared = pool, is_shared
        self._parts: list[Step] = []
        pool.enter()
        self._bytes = -pool.allocated

    def __del__(self) -> None:
        if not sys.is_finalizing():
            self._parts.clear()  # graphs go before their memory
            self._pool.leave()

    def split(self, function: Step) -> None:
        """End the graph being captured, add a host row, and begin the next graph."""
        if self._is_shared:
            raise _HostRowError
        self._parts += self._pool.end(), function
        self._pool.begin()

    def finish(self) -> None:
        """End the last graph."""
        self._parts.append(self._pool.end())
        self._bytes += self._pool.allocated

    @property
    def is_short(self) -> bool:
        """Whether it pays to capture several of these steps in a row."""
        return self._is_shared and self._bytes <= _MAX_STEP_BYTES

    def launch(self) -> None:
        """Run all graphs and host rows in order."""
        for part in self._parts:
            part()


def _capture(library: Graphs, step: Step, times: int) -> _Captured | None:
    """Capture a step `times` times in a row; None, and a line in the log, if that fails."""
    collects = gc.isenabled()
    gc.disable()  # a collection during a capture may free memory, which fails it
    try:
        with contextlib.suppress(_HostRowError):
            return _captured_with_room(library, step, times, library.shared_pool(), True)
        _log.info("a step has parts in Python, which run between two CUDA graphs")
        return _captured_with_room(library, step, times, library.new_pool(), False)
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


def _captured_with_room(
    library: Graphs, step: Step, times: int, pool: GraphPool, is_shared: bool
) -> _Captured:
    """Capture, again if there was no room: the first runs left the default pool as much."""
    with contextlib.suppress(MemoryError):  # its traceback holds arrays, so it ends here
        return _captured(step, times, pool, is_shared)
    library.free_idle()
    return _captured(step, times, pool, is_shared)


def _captured(step: Step, times: int, pool: GraphPool, is_shared: bool) -> _Captured:
    """Capture a step in a pool's memory, on its stream."""
    graphs = _Captured(pool, is_shared)
    with pool.capturing():
        try:
            _local.capture = graphs
            pool.begin()
            for _ in range(times):
                step()
        except BaseException:
            with contextlib.suppress(Exception):
                pool.end()
            raise
        finally:
            _local.capture = None
        graphs.finish()
        return graphs
