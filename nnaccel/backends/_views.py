"""Arrays of other libraries, seen without a copy: as NumPy's on the CPU, as CuPy's on a GPU.

Both by DLPack. It takes whatever offers `__dlpack__`: PyTorch's tensors, JAX's arrays, those of
array-api-strict and others. The one who takes an array says on which stream he will use it, and the
one who gives it has that stream wait for his own work: `cupy.from_dlpack` says CuPy's current one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nnaccel.backends._backend import Array, BackendUnavailableError, home_of, is_on_device
from nnaccel.backends._select import get_backend

# Of DLPack's kinds of device: memory of the host, pinned or not, and that of CUDA, managed or not.
_HOST, _CUDA = (1, 3), (2, 13)


def is_of_other_library(x: object) -> bool:
    """Whether x is an array that is neither NumPy's nor CuPy's, but can be seen as one."""
    return (
        hasattr(x, "__dlpack__")
        and hasattr(x, "__dlpack_device__")  # what JAX traces has the other alone
        and not isinstance(x, np.ndarray | np.generic | type)
        and not is_on_device(x)
    )


def library(x: object) -> str:
    """Return the name of the library that an array is from, such as 'torch'."""
    root = type(x).__module__.partition(".")[0]
    return {"jaxlib": "jax", "nnaccel_kernels": "nnaccel"}.get(root, root)


def view(x: Any, name: str = "the array") -> Array:
    """Return an array of another library as NumPy's, or as CuPy's on a GPU, over the same memory.

    Where the backend is PyTorch's, a tensor that is not on the CPU becomes one of its arrays.

    Raises
    ------
    TypeError
        If it requires gradients, is on another kind of device, or has a dtype that is lacking.
    BackendUnavailableError
        If it is on a GPU, and the backend cupy cannot run.
    """
    if getattr(x, "requires_grad", False):
        raise TypeError(
            f"{name} requires gradients, which are not tracked here. To fix: take the functions of "
            "nnaccel.interop.torch, or give x.detach()"
        )
    try:
        kind, number = map(int, x.__dlpack_device__())
    except (BufferError, TypeError, ValueError):  # DLPack knows no such device
        kind, number = 0, 0
    if kind in _HOST:
        return _seen(np, "NumPy", x, name)
    if library(x) == "torch" and get_backend().name.partition(":")[0] == "torch":
        return get_backend().xp.from_dlpack(x)
    if kind not in _CUDA:
        raise TypeError(
            f"{name} is an array of {library(x)} on {getattr(x, 'device', 'a device')}: only those "
            "on the CPU or a CUDA device are taken. To fix: move it to the CPU"
        )
    try:
        cupy = get_backend("cupy").xp
    except BackendUnavailableError as error:
        raise BackendUnavailableError(
            f"{name} is an array of {library(x)} on cuda:{number}, but {error}, or move it to the "
            "CPU"
        ) from None
    return _seen(cupy, "CuPy", x, name)


def _seen(space: Any, owner: str, x: Any, name: str) -> Array:
    try:
        return space.from_dlpack(x)
    except (BufferError, RuntimeError, TypeError, ValueError) as error:
        kind = f"{library(x)} array of {getattr(x, 'dtype', 'unknown dtype')}"
        raise TypeError(f"{name}, a {kind}, cannot be seen as {owner}'s: {error}") from None


def place_of(a: Array) -> str:
    """Return where an array of a backend lies, such as 'cpu' or 'cuda:0'."""
    if home_of(a) == "cupy":
        return f"cuda:{a.device.id}"
    return str(a.device) if is_on_device(a) else "cpu"


def require_current_device(a: Array, name: str) -> None:
    """Raise a TypeError if the backend is cupy, and an array of it on another than its device."""
    if home_of(a) == "cupy" == get_backend().name:
        current = get_backend().xp.cuda.runtime.getDevice()
        if a.device.id != current:
            raise TypeError(
                f"{name} lie on {place_of(a)}, but the current device is cuda:{current}. To fix: "
                "move them there, or make the model and call it within "
                f"`with cupy.cuda.Device({a.device.id}):`"
            )
