"""Every CUDA kernel, compiled for sm_90 and emulated with its own block sizes, does what the
reference does.

`test_emulated.py` runs this in processes of its own, since it shows Numba a toolkit. Almost all of
the time goes into compiling, so a kernel is compiled for few kinds of arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from nnaccel.conformance.calls import CALLS
from nnaccel.conformance.comparing import HALVES, assert_same, halved
from nnaccel.conformance.image_calls import IMAGE_CALLS
from nnaccel_kernels import cuda, reference
from nnaccel_kernels.activations import ACTIVATIONS
from nnaccel_kernels.cuda.conv import gemm_weights
from nnaccel_kernels.half import wide
from nnaccel_kernels.window import Window

from .conftest import Launches, images

Args = dict[str, Any]

WHOLE = [np.dtype(np.float32), np.dtype(np.float64)]
DIRECTIONS = ("conv2d", "conv2d_input_gradient", "conv2d_weight_gradient")


def with_dtypes(functions: Sequence[str]) -> list[tuple[str, np.dtype[Any]]]:
    """Each function with three dtypes: both of 16 bits go through the same few loads and stores."""
    return [(f, d) for i, f in enumerate(functions) for d in (*WHOLE, HALVES[i % len(HALVES)])]


def drawn(function: str, seed: int, dtype: np.dtype[Any], rows: int, columns: int) -> Args:
    args = CALLS[function](np.random.default_rng(seed), rows, columns, wide(dtype))
    return halved(args, dtype) if dtype in HALVES else args


def results(function: str, args: Args, **changed: Any) -> list[dict[str, np.ndarray]]:
    """What all arrays hold after a call of the reference, and of CUDA with some other arguments."""
    held = []
    for kernels, own in ((reference.kernels, args), (cuda.kernels, args | changed)):
        own = {k: v.copy("K") if isinstance(v, np.ndarray) else v for k, v in own.items()}
        getattr(kernels, function)(**own)
        held.append({k: v for k, v in own.items() if isinstance(v, np.ndarray)})
    return held


@pytest.mark.parametrize(
    ("function", "dtype"), with_dtypes(sorted(CALLS.keys() & set(dir(cuda.kernels)))), ids=str
)
def test_kernels(function: str, dtype: np.dtype[Any], launches: Launches) -> None:
    """Rows longer than a block, and more channels than a warp has threads."""
    rows, columns = (3, 70) if function in IMAGE_CALLS else (5, 300)
    want, got = results(function, drawn(function, 1, dtype, rows, columns))
    assert_same(got, want, dtype)
    assert launches or function not in cuda.kernels.fast


@pytest.mark.parametrize("function", sorted(IMAGE_CALLS.keys() & set(dir(cuda.kernels))))
def test_images_in_another_order_of_memory(function: str) -> None:
    want, got = results(function, drawn(function, 4, WHOLE[0], 2, 9))
    assert_same(got, want, WHOLE[0])


@pytest.mark.parametrize(("function", "dtype"), with_dtypes(DIRECTIONS), ids=str)
@pytest.mark.parametrize("algorithm", ["gemm", "winograd"])
def test_convolutions(
    monkeypatch: pytest.MonkeyPatch, function: str, algorithm: str, dtype: np.dtype[Any]
) -> None:
    """Products larger than a tile, of sizes that no tile divides, and sums in parts."""
    monkeypatch.setattr(gemm_weights, "MIN_POSITIONS", 64)
    rng, groups = np.random.default_rng(0), 1 if algorithm == "winograd" else 2
    window = Window((3, 3), padding=(1, 0, 1, 2))
    last = algorithm == "winograd" or dtype in HALVES
    x = images(rng, 2, 5 * groups, 10, 7, dtype=dtype, channels_last=last)
    y = images(rng, 2, 66 * groups, 9, 8, dtype=dtype, channels_last=last)
    w, b = (rng.standard_normal(s).astype(wide(dtype)) for s in ((66 * groups, 5, 3, 3), 132))
    args: Args = {"window": window, "groups": groups, "algorithm": "auto"}
    if function == "conv2d":
        args |= {"x": x, "w": w, "b": b[: len(w)], "activation": "gelu", "alpha": 0.0, "y": y}
    elif function == "conv2d_input_gradient":
        args |= {"dy": y, "w": w, "dx": x}
    else:
        args |= {"dy": y, "x": x, "dw": w}
    want, got = results(function, args, algorithm=algorithm)
    tolerance = {4: 1e-4, 8: 1e-11}.get(dtype.itemsize, 2e-2 if dtype == np.float16 else 0.1)
    for name, array in want.items():
        close = tolerance, tolerance * float(np.abs(array).max())
        np.testing.assert_allclose(got[name].astype(float), array.astype(float), *close, name)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [(name, "f4") for name in ACTIVATIONS] + [(name, "f8") for name in ("gelu", "mish", "selu")],
)
def test_activations(name: str, dtype: str) -> None:
    """Also of numbers at which functions overflow, and of NaN."""
    x = np.concatenate([np.linspace(-9, 9, 300), [-1e4, -90, 90, 1e4, np.nan, -0.0]]).astype(dtype)
    args = {"name": name, "alpha": 0.3, "x": x, "y": np.zeros_like(x)}
    with np.errstate(all="ignore"):
        want, got = results("activate", args)
        assert_same(got, want, x.dtype)
        args |= {"dy": np.cos(x), "y": want["y"], "dx": np.zeros_like(x)}
        want, got = results("activate_backward", args)
    assert_same(got, want, x.dtype)


@pytest.mark.parametrize(("size", "stride"), [(2, 2), (3, 1)])
def test_fixed_windows(size: int, stride: int) -> None:
    """Pooling by windows whose size is compiled in."""
    rng = np.random.default_rng(0)
    window = Window((size, size), (stride, stride), (1, 0, 0, 1))
    x = rng.standard_normal((2, 3, 19, 21)).round().astype(np.float32)
    y = rng.standard_normal((2, 3, *window.output_size(19, 21))).astype(np.float32)
    best = y.copy()
    reference.kernels.max_pool2d(x, window, best)
    pooling: Args = {"window": window, "x": x, "y": y}
    backward: Args = {"window": window, "dy": y, "dx": x}
    for function, args in (
        ("max_pool2d", pooling),
        ("max_pool2d_backward", backward | {"x": x, "y": best, "dx": np.zeros_like(x)}),
        ("avg_pool2d", pooling | {"count_include_pad": True}),
        ("avg_pool2d_backward", backward | {"count_include_pad": False}),
    ):
        want, got = results(function, args)
        assert_same(got, want, np.float32)
