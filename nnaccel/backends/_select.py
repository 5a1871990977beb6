"""The current backend: that of the context, else of the process, else of the environment."""

from __future__ import annotations

import contextlib
import functools
import importlib
import logging
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any

from nnaccel import _config
from nnaccel.backends import _capture, _plugins, _upload
from nnaccel.backends._backend import (
    Array,
    Backend,
    BackendInfo,
    BackendUnavailableError,
    Replay,
    Step,
)
from nnaccel.backends._cupy_graphs import CupyGraphs
from nnaccel.backends._probe import probe

_log = logging.getLogger("nnaccel")
_override: ContextVar[str | None] = ContextVar("nnaccel_backend", default=None)
_default: str | None = None  # set by set_backend


def backends() -> dict[str, BackendInfo]:
    """Return the state of every backend on this machine, by name.

    Returns
    -------
    dict of str to BackendInfo
        Whether each can run, else the reason and the remedy.

    Examples
    --------
    >>> backends()["numpy"].available
    True
    """
    return {name: probe(name) for name in (*_plugins.BUILT_IN, *_plugins.offers())}


def get_backend(name: str | None = None) -> Backend:
    """Return the current backend, or the one called `name`.

    Parameters
    ----------
    name : str, optional
        'numpy', 'numba', 'cupy', 'auto', or the backend of an installed package, such as
        'torch' or 'torch:cuda'; the current one by default.

    Returns
    -------
    Backend

    Raises
    ------
    ValueError
        If there is no backend of that name, or of that in `NNACCEL_BACKEND`.
    BackendUnavailableError
        If it cannot run here.

    Examples
    --------
    >>> get_backend("numpy").name
    'numpy'
    """
    return _make(_resolve(name) if name is not None else _active())


def set_backend(name: str) -> None:
    """Make `name` the default backend of the process, at once and for every thread.

    Parameters
    ----------
    name : str
        'numpy', 'numba', 'cupy', or 'auto' for the best of these that can run; or the backend
        of an installed package, such as 'torch' or 'torch:cuda'.

    Raises
    ------
    ValueError, BackendUnavailableError
        As `get_backend`; the default is then unchanged.
    """
    global _default
    resolved = _resolve(name)
    _make(resolved)
    _default = resolved


@contextlib.contextmanager
def use_backend(name: str) -> Iterator[Backend]:
    """Use the backend `name` inside a `with` block, in this thread or task only.

    Parameters
    ----------
    name : str
        As for `set_backend`.

    Examples
    --------
    >>> with use_backend("numpy") as backend:
    ...     backend.name
    'numpy'
    """
    backend = _make(_resolve(name))
    token = _override.set(backend.name)
    try:
        yield backend
    finally:
        _override.reset(token)


def cpu_backend() -> Backend:
    """Return the backend for NumPy arrays: the current one if it is for CPUs, else the best."""
    name = _active()
    if name == "cupy" or not _make(name).on_host:
        name = "numba" if probe("numba").available else "numpy"
    return _make(name)


def _active() -> str:
    return _override.get() or _default or _from_environment()


@functools.cache
def _from_environment() -> str:
    """Backend chosen by the environment, read at first use."""
    return _resolve(_config.backend_name(), "NNACCEL_BACKEND")


def _resolve(name: str, source: str = "backend") -> str:
    """Replace 'auto' by the best available backend, and log why."""
    name = _plugins.parse(name, source)
    if name != "auto":
        return name
    unavailable: list[str] = []
    for candidate in ("cupy", "numba", "numpy"):
        info = probe(candidate)
        if info.available:
            why = "; ".join(unavailable) or "the first choice"
            _log.info("backend %s on %s (%s)", candidate, info.device, why)
            return candidate
        unavailable.append(f"{candidate}: {info.reason}")
    raise AssertionError("numpy is always available")


def reason_for_choice() -> str:
    """Return why the current backend was chosen, in a few words."""
    if _override.get() is not None:
        return "chosen by use_backend"
    if _default is not None:
        return "chosen by set_backend"
    asked = _plugins.parse(_config.backend_name(), "NNACCEL_BACKEND")
    if asked != "auto":
        return f"NNACCEL_BACKEND={asked}"
    return "auto: cupy if a device answers, else numba, else numpy"


@functools.cache
def _make(name: str) -> Backend:
    info = probe(name)
    if not info.available:
        raise BackendUnavailableError(
            f"backend {name!r} cannot run here: {info.reason}. To fix: {info.remedy}"
        )
    if name != "numpy":
        importlib.import_module("nnaccel_kernels.disk_cache").set_root(_config.kernel_dir())
    if name == "cupy":
        return _on_gpu(info)
    if name == "numba":
        return _on_cores(info)
    if name != "numpy":
        return _plugins.make_plugin(name)
    reference = importlib.import_module("nnaccel_kernels.reference")
    numpy = importlib.import_module("numpy")
    return Backend(name, numpy, info.device, reference.kernels, halves=True)


def _on_gpu(info: BackendInfo) -> Backend:
    cupy, cuda, reference = map(
        importlib.import_module, ("cupy", "nnaccel_kernels.cuda", "nnaccel_kernels.reference")
    )
    tf32, record = _config.tf32(), functools.partial(_capture.record, CupyGraphs(cupy, cuda.lease))
    cuda.set_tf32(tf32)
    kernels = cuda.kernels.above(reference.kernels)
    return Backend(
        info.name,
        cupy,
        info.device,
        kernels,
        record,
        _capture.recording,
        _capture.host,
        convert=functools.partial(_upload.to_device, cupy),
        has_room=functools.partial(_upload.has_room, cupy),
        synchronize=lambda: cupy.cuda.get_current_stream().synchronize(),
        on_host=False,
        tf32=tf32,
        halves=True,
        workspace=256 << 20,
    )


def _on_cores(info: BackendInfo) -> Backend:
    numpy, cpu, reference = map(
        importlib.import_module, ("numpy", "nnaccel_kernels.cpu", "nnaccel_kernels.reference")
    )
    cpu.set_num_threads(_config.num_threads())

    def record(step: Step) -> Replay:
        tape: Any = None

        def replay(repeats: int) -> None:
            nonlocal tape
            if tape is None:
                with cpu.record() as recorded:
                    step()
                tape = recorded
            tape.replay(repeats)

        return replay

    def relocate(step: Callable[[], Any], inputs: Sequence[Array], keeps: bool = False) -> Any:
        try:
            return cpu.Relocation(step, inputs, keeps)
        except cpu.NotRelocatableError:
            return None

    def as_row(kernel: Callable[..., None]) -> Callable[..., None]:
        """A plain kernel that is recorded as a host row."""

        @functools.wraps(kernel)
        def note(*args: Any, **kwargs: Any) -> None:
            cpu.host(functools.partial(kernel, *args, **kwargs))

        return note

    kernels = cpu.kernels.above(reference.kernels, as_row)
    cpu.buffer_store().limit = _config.buffer_bytes()
    return Backend(
        info.name,
        numpy,
        info.device,
        kernels,
        record,
        cpu.recording,
        cpu.host,
        allocate=cpu.empty,
        relocate=relocate,
    )
