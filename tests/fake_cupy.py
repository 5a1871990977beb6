"""A fake `cupy` for machines without a GPU: NumPy memory behind CuPy's manners.

It proves that our code dispatches to CuPy and keeps host and device arrays apart: like the real
one it refuses to be taken for a NumPy array, and to compute with one. It knows only the functions
that our code calls, with the arguments that the real ones take. It proves nothing about a GPU.

Kernels are the reference's, run on the memory behind, or the CUDA ones under Numba's simulator.
While a stream is captured they are noted rather than run, and nothing may be copied to the host.
"""

from __future__ import annotations

import contextlib
import functools
import math
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nnaccel_kernels.lookup import Kernels

from . import fake_dlpack, fake_memory
from .each_backend import CUPY, activated

FAKE = "fake cupy"
transfers: Counter[str] = Counter()  # copies 'to_device' and 'to_host', scalars read included
leased: list[Any] = [None]  # the last one is what kernels use
largest: Counter[str] = Counter()  # bytes of the largest array copied 'to_device' as a whole
#: Whether its kernels are those for CUDA: under the simulator, or where a test emulates them.
runs_cuda = {"on": os.environ.get("NUMBA_ENABLE_CUDASIM") == "1"}

_SCALARS = (bool, int, float, np.generic, np.dtype, type, str, slice, type(None), type(...))


class ndarray:  # noqa: N801
    """What `cupy.ndarray` offers, as far as our code uses it."""

    __array_ufunc__ = None  # NumPy's functions and arrays leave binary operators to this class

    def __init__(
        self, memory: np.ndarray, base: ndarray | None = None, pointer: Any = None
    ) -> None:
        self._raw, self.base, self._pointer = memory, base, pointer
        self.device = fake_dlpack.Device() if base is None else base.device

    def __dlpack_device__(self) -> tuple[int, int]:
        return fake_dlpack.CUDA, self.device.id

    def __dlpack__(self, *, stream: Any = None, max_version: Any = None) -> fake_dlpack.Capsule:
        return fake_dlpack.capsule_of("cupy", self._memory, self.device.id, stream)

    @property
    def _memory(self) -> np.ndarray:
        """What is there when all copies so far are made."""
        fake_memory.finish()
        return self._raw

    def __array__(self, *_args: Any, **_kwargs: Any) -> np.ndarray:
        raise TypeError("Implicit conversion to a NumPy array is not allowed: use `.get()`")

    def get(self) -> np.ndarray:
        _count_transfer("to_host")
        return self._memory.copy()

    def set(self, arr: np.ndarray) -> None:
        assert (arr.dtype, arr.shape) == (self._raw.dtype, self._raw.shape)
        _count_transfer("to_device")
        fake_memory.copy_later(arr, self._raw)

    def item(self) -> Any:
        _count_transfer("to_host")
        return self._memory.item()

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __bool__(self) -> bool:
        return bool(self.item())

    def __len__(self) -> int:
        return len(self._memory)

    def __getitem__(self, index: Any) -> ndarray:
        return self._view(np.asarray(self._raw[_unwrap(index)]))

    def reshape(self, *shape: Any) -> ndarray:
        return self._view(self._raw.reshape(*shape))

    def transpose(self, *axes: Any) -> ndarray:
        return self._view(self._memory.transpose(*axes))

    @property
    def T(self) -> ndarray:  # noqa: N802
        return self._view(self._memory.T)

    def _view(self, memory: np.ndarray) -> ndarray:
        shared = np.may_share_memory(memory, self._raw)
        return ndarray(memory, (self if self.base is None else self.base) if shared else None)

    def __setitem__(self, index: Any, value: Any) -> None:
        self._memory[_unwrap(index)] = _unwrap(value)

    # Exactly the parameters that CuPy's methods have: neither `initial` nor `where`.
    def sum(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False):  # type: ignore[no-untyped-def]
        return sum(self, axis, dtype, out, keepdims)

    def mean(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False):  # type: ignore[no-untyped-def]
        return _wrap(self._memory.mean(axis, dtype, _unwrap(out), keepdims))

    def max(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> ndarray:
        return _wrap(self._memory.max(axis, out=_unwrap(out), keepdims=keepdims))

    def min(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> ndarray:
        return _wrap(self._memory.min(axis, out=_unwrap(out), keepdims=keepdims))

    def all(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> ndarray:
        return _wrap(self._memory.all(axis, out=_unwrap(out), keepdims=keepdims))

    def argmax(self, axis: Any = None) -> ndarray:
        return _wrap(self._memory.argmax(axis))


_captured: list[Callable[[], None]] | None = None  # kernels noted for a graph


def _count_transfer(way: str) -> None:
    if _captured is not None:
        raise RuntimeError("operation not permitted when stream is capturing")
    transfers[way] += 1


class Graph:
    """Kernels to run again."""

    launched = 0  # of all graphs

    def __init__(self, kernels: list[Callable[[], None]]) -> None:
        self._kernels = kernels

    def launch(self) -> None:
        Graph.launched += 1
        fake_memory.finish()
        for kernel in self._kernels:
            kernel()


class Stream:
    """A stream that can be captured."""

    def __init__(self, non_blocking: bool = False) -> None:
        self._non_blocking = non_blocking

    def __enter__(self) -> None:
        assert self._non_blocking, "cannot capture on the default stream"
        fake_memory.use_stream(self)

    def __exit__(self, *_: object) -> None:
        fake_memory.use_stream(None)

    def begin_capture(self) -> None:
        global _captured
        _captured = []

    def end_capture(self) -> Graph:
        global _captured
        captured, _captured = _captured, None
        assert captured is not None
        return Graph(captured)


class _Kernels(ModuleType):
    """The reference's kernels, or those for CUDA where something runs them, as the backend's."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        real = import_module(name if runs_cuda["on"] else "nnaccel_kernels.reference").kernels
        self.kernels = Kernels(
            {kernel: self._as_fake(getattr(real, kernel)) for kernel in dir(real)}
        )

    def set_tf32(self, on: bool) -> None:
        pass

    def libnvvm(self) -> None:
        pass

    def lease(self) -> object:
        return leased[-1]

    def _as_fake(self, function: Any) -> Any:
        if function.__name__ == "conv2d_plan":
            return function

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> None:
            args = tuple(map(_memory_of, args))
            kwargs = {key: _memory_of(value) for key, value in kwargs.items()}
            run = functools.partial(function, *args, **kwargs)
            run() if _captured is None else _captured.append(run)

        return call


def _memory_of(x: Any) -> Any:
    return x._memory if isinstance(x, ndarray) else x


def _unwrap(x: Any) -> Any:
    """The memory of a fake array; NumPy arrays are refused."""
    if isinstance(x, ndarray):
        return x._memory
    if isinstance(x, tuple | list):
        return type(x)(map(_unwrap, x))
    if isinstance(x, _SCALARS):
        return x
    raise TypeError(f"Unsupported type {type(x)}")


def _wrap(x: Any) -> ndarray:
    return ndarray(np.asarray(x))


def _forward(function: Callable[..., Any]) -> Callable[..., ndarray]:
    def call(*args: Any, **kwargs: Any) -> ndarray:
        kwargs = {name: _unwrap(value) for name, value in kwargs.items()}
        return _wrap(function(*map(_unwrap, args), **kwargs))

    return call


def _in_place(name: str) -> Callable[[ndarray, Any], ndarray]:
    def operator(self: ndarray, other: Any) -> ndarray:
        getattr(self._memory, name)(_unwrap(other))
        return self

    return operator


_BINARY = ("add", "sub", "mul", "truediv", "pow", "rshift", "lshift", "xor", "and", "or", "matmul")
for _name in _BINARY:
    setattr(ndarray, f"__{_name}__", _forward(getattr(np.ndarray, f"__{_name}__")))
    setattr(ndarray, f"__r{_name}__", _forward(getattr(np.ndarray, f"__r{_name}__")))
for _name in ("add", "sub", "mul", "truediv"):
    setattr(ndarray, f"__i{_name}__", _in_place(f"__i{_name}__"))
for _name in ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__neg__", "__abs__"):
    setattr(ndarray, _name, _forward(getattr(np.ndarray, _name)))
for _name in ("astype", "copy"):
    setattr(ndarray, _name, _forward(getattr(np.ndarray, _name)))
for _name in ("shape", "dtype", "ndim", "size", "nbytes", "flags"):
    setattr(ndarray, _name, property(lambda self, name=_name: getattr(self._raw, name)))
ndarray.__module__ = "cupy"

sum = _forward(lambda a, axis=None, dtype=None, out=None, keepdims=False: np.sum(
    a, axis, dtype, out, keepdims
))  # fmt: skip


def asarray(a: Any, dtype: Any = None, order: str | None = None) -> ndarray:
    if isinstance(a, ndarray):
        return ndarray(np.asarray(a._memory, dtype, order=order))  # type: ignore[call-overload]
    _count_transfer("to_device")
    largest["to_device"] = max(largest["to_device"], getattr(a, "nbytes", 0))
    return ndarray(np.array(a, dtype, order=order or "K"))


def ascontiguousarray(a: ndarray, dtype: Any = None) -> ndarray:
    return asarray(a, dtype, "C")


def from_dlpack(array: Any) -> ndarray:
    capsule = fake_dlpack.taken("cupy", array)
    with fake_dlpack.Device(capsule.device):
        return ndarray(capsule.take())


def empty(shape: Any, dtype: Any = float) -> ndarray:
    """Filled with what nobody should read."""
    dtype = np.dtype(dtype)
    memory = np.full(shape, math.nan if dtype.kind == "f" else 99, dtype)
    pointer = fake_memory.allocate(memory.nbytes)
    if pointer is not None:
        reused = pointer.mem.bytes[: memory.nbytes].view(dtype).reshape(memory.shape)
        reused[...] = memory
        memory = reused
    return ndarray(memory, pointer=pointer)


def _qr(a: ndarray, mode: str = "reduced") -> Any:
    """`cupy.linalg.qr` in the two modes that are used."""
    found = np.linalg.qr(_unwrap(a), mode)  # type: ignore[call-overload]
    return _wrap(found) if mode == "r" else tuple(map(_wrap, found))


def _make_modules() -> dict[str, ModuleType]:
    """The modules that a program which imports the fake finds in `sys.modules`."""
    places = ("cupy", "cupyx", "cupyx.scipy", "cupyx.scipy.special")
    modules = {name: ModuleType(name, "A fake, for tests.") for name in places}
    cupy: Any = modules["cupy"]
    cupy.__version__ = "0.fake"
    cupy.ndarray, cupy.asarray, cupy.ascontiguousarray = ndarray, asarray, ascontiguousarray
    cupy.empty, cupy.sum, cupy.from_dlpack = empty, sum, from_dlpack
    pool = SimpleNamespace(free_all_blocks=lambda: None, free_bytes=lambda: 0)
    cupy.get_default_memory_pool = lambda: pool
    names = (
        "abs arange clip concatenate einsum exp expm1 isfinite log log1p logaddexp matmul maximum"
    )
    for name in f"{names} minimum multiply ones sign sqrt stack subtract tanh where zeros".split():
        setattr(cupy, name, _forward(getattr(np, name)))
    cupy.linalg = SimpleNamespace(norm=_forward(np.linalg.norm), qr=_qr)
    runtime = SimpleNamespace(
        getDeviceCount=lambda: 1,
        getDevice=lambda: fake_dlpack.current["device"],
        getDeviceProperties=lambda _device: {"name": b"no GPU at all"},
        memGetInfo=lambda: (1 << 40, 1 << 40),
        CUDARuntimeError=fake_memory.CUDARuntimeError,
    )
    cupy.cuda = SimpleNamespace(
        runtime=runtime,
        get_current_stream=lambda: fake_dlpack.stream(fake_memory.finish, fake_memory.Event),
        alloc_pinned_memory=fake_memory.alloc_pinned_memory,
        Memory=fake_memory.Memory,
        MemoryPointer=fake_memory.MemoryPointer,
        MemoryPool=fake_memory.MemoryPool,
        using_allocator=fake_memory.using_allocator,
        Device=fake_dlpack.Device,
        Stream=Stream,
    )
    erf = np.vectorize(math.erf, otypes=[float])
    special: Any = modules["cupyx.scipy.special"]
    special.erf = _forward(lambda x: erf(x).astype(x.dtype))
    modules["nnaccel_kernels.cuda"] = _Kernels("nnaccel_kernels.cuda")
    for name, module in modules.items():
        module.__spec__ = ModuleSpec(name, None)
    return modules


def install(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Put the fake where `import cupy` finds it, with a driver, until the test ends."""
    from nnaccel.backends import _graph_pool, _probe, _select

    modules = _make_modules()
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(_probe, "_driver_version", lambda: 13000)
    monkeypatch.setattr(_graph_pool, "_local", threading.local())
    _select._make.cache_clear()
    transfers.clear()
    largest.clear()
    fake_memory.device["pinned"] = 0
    return modules["cupy"]


@contextlib.contextmanager
def installed() -> Iterator[ModuleType]:
    """The fake can be imported inside a `with` block, and nothing remembers it afterwards."""
    from nnaccel.backends import _select

    with pytest.MonkeyPatch.context() as monkeypatch:
        yield install(monkeypatch)
    _select._make.cache_clear()
    _select._from_environment.cache_clear()


@pytest.fixture
def fake_cupy() -> Iterator[ModuleType]:
    """The fake, installed for one test."""
    with installed() as cupy:
        yield cupy


@pytest.fixture(params=["numpy", "numba", FAKE, *CUPY])
def backend(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Run the test on each backend, and on the cupy backend over the fake."""
    name = request.param
    if name == FAKE:
        request.getfixturevalue("fake_cupy")
        name = "cupy"
    yield from activated(name)
