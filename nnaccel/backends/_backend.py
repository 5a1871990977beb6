"""The backend, its availability, and marks on functions that run kernels only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, TypeVar

from nnaccel_kernels.lookup import Kernels

Array = Any  # of NumPy, CuPy, or a backend's own
Step = Callable[[], None]
Replay = Callable[[int], None]
Function = TypeVar("Function", bound=Callable[..., Any])


class BackendUnavailableError(RuntimeError):
    """The requested backend cannot run here; the message has the reason and the remedy."""


@dataclass(frozen=True)
class BackendInfo:
    """One row of `nnaccel info`.

    Attributes
    ----------
    name : str
        Such as 'numba'.
    available : bool
        Whether it can run on this machine.
    reason : str
        Why it cannot; empty if it can.
    remedy : str
        A command or action that makes it run; empty if it can.
    device : str
        The processor or GPU; empty if it cannot run.
    version : str
        Version of the array or compiler library; empty if that is not installed.
    """

    name: str
    available: bool
    reason: str = ""
    remedy: str = ""
    device: str = ""
    version: str = ""


def kernels_only(function: Function) -> Function:
    """Declare that a function does all its work through kernels, so that it can be recorded.

    Any other layer's `forward`, loss, metric or optimiser's `update` is a host row of a recorded
    step: Python that runs at every replay.
    """
    # Its own code: `functools.wraps` copies the mark to an override around it.
    function.kernels_only = function.__code__  # type: ignore[attr-defined]
    return function


def is_kernels_only(function: Callable[..., Any]) -> bool:
    """Whether a function or method is declared `kernels_only`."""
    code = getattr(function, "__code__", None)
    return code is not None and getattr(function, "kernels_only", None) is code


def call(function: Step) -> None:
    """Run a host row on a backend without a tape."""
    function()


def loop(step: Step) -> Replay:
    """Replay of a step on a backend without a tape: call it."""

    def replay(repeats: int) -> None:
        for _ in range(repeats):
            step()

    return replay


@dataclass(frozen=True)
class Backend:
    """An array namespace with the kernels for its arrays.

    Attributes
    ----------
    name : str
        'numpy', 'numba', 'cupy', or the name of a package's backend, with a device such as
        'torch:cuda' or without.
    xp : module
        The array namespace: `numpy`, `cupy`, or a package's.
    device : str
        The processor or GPU.
    kernels : Kernels
        Functions that fill given arrays: the backend's own, else the plain ones.
    record : callable
        Takes a step, and returns a function that runs it a number of times; nothing runs before
        that is called.
    recording : callable
        Whether kernels called by this thread are recorded on a tape instead of run.
    host : callable
        Runs a Python function now, or records it as a host row of the tape.
    convert : callable, optional
        Takes an array-like and a ``dtype``, and returns an array of this backend, copied only if it
        has to be; ``xp.asarray`` by default.
    has_room : callable
        Takes a number of bytes, and returns whether a data set that large may stay on the device.
    synchronize : callable
        Waits until the device has finished all queued work.
    on_host : bool
        Whether its arrays are NumPy's.
    allocate : callable, optional
        Takes a shape and a dtype, and returns an uninitialised array; ``xp.empty`` by default.
    relocate : callable, optional
        Takes a step and the arrays it reads, records the step, and returns a function that runs it
        on other arrays of the same shapes; None where there is no such thing.
    tf32 : bool
        Whether the factors of float32 products are rounded to TF32's 10 bits of mantissa.
    halves : bool
        Whether kernels take arrays of float16 and bfloat16, which they compute in float32.
    doubles : bool
        Whether it has arrays of float64; one without gives arrays of float32 in their place.
    workspace : int
        Bytes of workspace that a convolution may take at least.
    """

    name: str
    xp: ModuleType = field(repr=False)
    device: str
    kernels: Kernels = field(repr=False)
    record: Callable[[Step], Replay] = field(default=loop, repr=False)
    recording: Callable[[], bool] = field(default=lambda: False, repr=False)
    host: Callable[[Step], None] = field(default=call, repr=False)
    convert: Callable[..., Array] | None = field(default=None, repr=False)
    has_room: Callable[[int], bool] = field(default=lambda nbytes: True, repr=False)
    synchronize: Callable[[], None] = field(default=lambda: None, repr=False)
    on_host: bool = field(default=True, repr=False)
    allocate: Callable[..., Array] | None = field(default=None, repr=False)
    relocate: Callable[..., Any] | None = field(default=None, repr=False)
    tf32: bool = field(default=False, repr=False)
    halves: bool = field(default=False, repr=False)
    doubles: bool = field(default=True, repr=False)
    workspace: int = field(default=16 << 20, repr=False)

    def asarray(self, x: Any, dtype: Any = None) -> Array:
        """Return `x` as an array of this backend, copied only if it has to be.

        Parameters
        ----------
        x : array_like
            A NumPy or CuPy array, a nested list, or anything NumPy can convert.
        dtype : dtype, optional
            Element type; that of `x` by default.
        """
        if home_of(x) not in ("", self.name):
            x = x.get()
        return (self.convert or self.xp.asarray)(x, dtype=dtype)

    def to_numpy(self, a: Array) -> Any:
        """Return `a` as a NumPy array on the host."""
        return to_numpy(a)

    def empty(self, shape: int | tuple[int, ...], dtype: Any) -> Array:
        """Return an uninitialised array of this backend.

        On 'numba' it is aligned to a cache line, and its memory is recycled: in a recorded pass
        only kernels may fill it.
        """
        return (self.allocate or self.xp.empty)(shape, dtype)

    def copy(self, a: Any) -> Array:
        """Return a copy of `a`, an array of any backend, aligned to a cache line."""
        a = self.asarray(a)
        copied = self.empty(a.shape, a.dtype)
        copied[...] = a
        return copied


def home_of(x: object) -> str:
    """Name of the backend that `x` is an array of, if that has arrays of its own; '' otherwise.

    CuPy's arrays are cupy's, which is not imported here. Those of other backends say it themselves.
    """
    if type(x).__module__.partition(".")[0] == "cupy":
        return "cupy"
    return str(getattr(x, "nnaccel_backend", ""))


def is_on_device(x: object) -> bool:
    """Whether `x` is an array that is not NumPy's, of a backend that has its own."""
    return home_of(x) != ""


def to_numpy(a: Any) -> Any:
    """Return an array of any backend, or anything array-like, as a NumPy array on the host.

    Examples
    --------
    >>> to_numpy([1.0, 2.0])
    array([1., 2.])
    """
    import numpy as np

    return a.get() if is_on_device(a) else np.asarray(a)
