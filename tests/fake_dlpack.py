"""DLPack between the fake CuPy and a fake library, `faraway`, with arrays on CUDA devices.

Both do what CuPy and PyTorch do, and check what they rely on: who takes an array names the stream
that he will use it on, by the numbers of DLPack; who gives it has that stream wait for his own.
Work on the current stream of `faraway` is done no sooner than somebody waits for it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

CPU, CUDA, PINNED, MANAGED = 1, 2, 3, 13
LEGACY = 1  # DLPack's number of the legacy default stream, whose pointer is 0

current = {"device": 0}
#: Pointers of each device's current stream.
streams: dict[str, dict[int, int]] = {"cupy": {}, "faraway": {}}
#: What streams were told to wait for: (library, device, its stream, who waits).
waits: list[tuple[str, int, int, int]] = []


def number_of(library: str, device: int) -> int:
    """DLPack's number of a library's current stream."""
    return streams[library].get(device, 0) or LEGACY


class Device:
    """`cupy.cuda.Device`."""

    def __init__(self, device: int | None = None) -> None:
        self.id = current["device"] if device is None else device
        self._before: list[int] = []

    def __enter__(self) -> Device:
        self._before.append(current["device"])
        current["device"] = self.id
        return self

    def __exit__(self, *_: object) -> None:
        current["device"] = self._before.pop()


class Capsule:
    """Memory on its way; it is taken once."""

    def __init__(self, memory: np.ndarray, device: int) -> None:
        self._memory, self.device = memory, device

    def take(self) -> np.ndarray:
        memory, self._memory = self._memory, None  # type: ignore[assignment]
        assert memory is not None, "a capsule is taken once"
        return memory


def capsule_of(library: str, memory: np.ndarray, device: int, stream: Any) -> Capsule:
    """Have the taker's stream wait for the library's, and return a capsule."""
    assert type(stream) is int, f"{library} is not told the stream"
    assert stream > 0, f"{stream} is no number of a stream to wait"
    waits.append((library, device, number_of(library, device), stream))
    return Capsule(memory, device)


def taken(library: str, array: Any) -> Capsule:
    """Take an array for a library, as `cupy.from_dlpack` and `torch.from_dlpack` do."""
    kind, device = array.__dlpack_device__()
    if kind not in (CUDA, MANAGED):
        raise TypeError(f"Unsupported array type: {kind}")
    before, how = current["device"], {"stream": number_of(library, device)}
    current["device"] = device
    try:
        try:
            capsule = array.__dlpack__(max_version=(1, 0), **how)
        except TypeError:  # it knows an older DLPack
            capsule = array.__dlpack__(**how)
    finally:
        current["device"] = before
    assert isinstance(capsule, Capsule)
    return capsule


class Tensor:
    """An array of `faraway`, with work on it that is still to be done."""

    requires_grad = False

    def __init__(
        self, memory: np.ndarray, device: int = 0, work: Callable[[], object] | None = None
    ) -> None:
        self.memory, self._device, self._work = memory, device, [work] if work else []
        self.kind = CUDA

    dtype = property(lambda self: self.memory.dtype)
    shape = property(lambda self: self.memory.shape)
    device = property(lambda self: f"cuda:{self._device}")

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise TypeError(f"can't convert {self.device} device type tensor to numpy")

    def __iter__(self) -> Iterator[Tensor]:
        return (Tensor(row, self._device) for row in self.memory)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.kind, self._device

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: Any = None,
        dl_device: Any = None,
        copy: Any = None,
    ) -> Capsule:
        if current["device"] != self._device:  # as PyTorch
            raise BufferError("Can't export tensors on a different CUDA device index")
        assert stream == number_of("cupy", self._device), f"{stream} is not CuPy's current stream"
        while self._work:
            self._work.pop()()
        return capsule_of("faraway", self.memory, self._device, stream)


def from_dlpack(array: Any) -> Tensor:
    """`faraway.from_dlpack`."""
    capsule = taken("faraway", array)
    return Tensor(capsule.take(), capsule.device)


Tensor.__module__ = "faraway"


@pytest.fixture
def faraway(monkeypatch: pytest.MonkeyPatch, fake_cupy: Any) -> Any:
    """The library, beside the fake CuPy; each has a current stream of its own on two devices."""
    module: Any = ModuleType("faraway", "A fake, for tests.")
    module.Tensor, module.from_dlpack = Tensor, from_dlpack
    module.__spec__ = ModuleSpec("faraway", None)
    monkeypatch.setitem(sys.modules, "faraway", module)
    monkeypatch.setitem(current, "device", 0)
    monkeypatch.setitem(streams, "cupy", {0: 0, 1: 0xC1})
    monkeypatch.setitem(streams, "faraway", {0: 0xF0, 1: 0xF1})
    waits.clear()
    return module


def stream(finish: Callable[[], None], event: type[Any]) -> SimpleNamespace:
    """CuPy's current stream on the current device."""
    pointer = streams["cupy"].get(current["device"], 0)
    return SimpleNamespace(ptr=pointer, synchronize=finish, record=event)


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def on(device: int, a: np.ndarray) -> Tensor:
    """A tensor that is computed when somebody waits for it."""
    memory = np.full_like(a, 99)
    return Tensor(memory, device, lambda: np.copyto(memory, a))
