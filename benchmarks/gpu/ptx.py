"""Registers, spills and shared memory of the CUDA kernels, as ptxas reports them; needs no GPU.

The public functions are called on small arrays, and each kernel is compiled instead of launched;
its arguments must have the sizes of the compiled kernel's parameters. Where nvJitLink is installed
(`pip install cuda-bindings nvidia-nvjitlink`), each is linked to a cubin as it would be on a GPU.
Needs libNVVM and ptxas: `pip install nvidia-cuda-nvcc-cu12 nvidia-cuda-runtime-cu12`, or beside
`numba-cuda[cu13]` only `pip install nvidia-cuda-nvcc`.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ml_dtypes  # noqa: F401  (adds bfloat16 to NumPy's dtypes)
import numpy as np

from nnaccel_kernels.segments import Segment
from nnaccel_kernels.window import Window

ARCHITECTURES = ("sm_75", "sm_80", "sm_90")
HALVES = ("float16", "bfloat16")  # of activations; parameters are float32 then
SETTINGS = ("kernel", "dtype", "layout", "sm")
COLUMNS = (
    *SETTINGS, "ptx", "instructions", "registers", "spilled", "local", "shared", "cubin",
)  # fmt: skip
_INSTRUCTION = re.compile(r"^\s+(@!?%p\d+ )?\w+[\w.]*\s.*;$", re.MULTILINE)


class Toolkit:
    """The compilers of the installed wheels, laid out in a folder as Numba expects a toolkit.

    numba-cuda finds libNVVM by itself.
    """

    def __init__(self, folder: Path) -> None:
        if _is_installed("numba_cuda"):
            self.ptxas = wheel("nvidia.cu13", "nvidia-cuda-nvcc") / "bin/ptxas"
            return
        wanted = "nvidia-cuda-nvcc-cu12 nvidia-cuda-runtime-cu12"
        nvcc, runtime = (wheel(f"nvidia.{n}", wanted) for n in ("cuda_nvcc", "cuda_runtime"))
        links = {
            "nvvm/lib64/libnvvm.so.4": nvcc / "nvvm/lib64/libnvvm.so",
            "nvvm/libdevice": nvcc / "nvvm/libdevice",
            "lib64/libcudart.so.12": runtime / "lib/libcudart.so.12",
        }
        for name, target in links.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).symlink_to(target)
        self.ptxas = nvcc / "bin/ptxas"
        os.environ["CUDA_HOME"] = str(folder)

    def report(self, ptx: str, sm: str) -> dict[str, Any]:
        """Resources of one kernel."""
        command = [self.ptxas, "-v", f"-arch={sm}", "-o", os.devnull, "/dev/stdin"]
        done = subprocess.run(command, input=ptx, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"ptxas failed: {done.stderr}")
        return {
            "registers": _number(r"Used (\d+) registers", done.stderr),
            "spilled": sum(map(int, re.findall(r"(\d+) bytes spill", done.stderr))),
            "local": _number(r"(\d+) bytes stack frame", done.stderr),
            "shared": _number(r"(\d+) bytes smem", done.stderr),
        }


def wheel(package: str, wanted: str) -> Path:
    spec = importlib.util.find_spec(package) if _is_installed(package) else None
    if spec is None or not spec.submodule_search_locations:
        sys.exit(f"no {package}: pip install {wanted}")
    return Path(next(iter(spec.submodule_search_locations)))


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # not even its parent
        return False


def _number(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    return int(found[1]) if found else 0


def calls(dtype: str, channels_last: bool) -> list[tuple[str, tuple[Any, ...]]]:
    """A call of every public function of images, for one dtype and memory order."""
    parameter = _wide(dtype)

    def image(*shape: int) -> np.ndarray:
        a = np.zeros(shape, dtype)
        return (
            np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
            if channels_last
            else a
        )

    window, wide = Window((3, 3), (2, 2), (1, 1, 1, 1)), Window((2, 3), (2, 2), (0, 0, 0, 1))
    x, y, w = image(2, 4, 8, 8), image(2, 6, 4, 4), np.zeros((6, 2, 3, 3), parameter)
    plain, v = Window((3, 3), padding=(1, 1, 1, 1)), np.zeros((3, 4, 3, 3), parameter)
    pooled, padded, cols = image(2, 4, 4, 4), image(2, 4, 10, 10), np.zeros((2, 36, 16), dtype)
    spread, filters = image(2, 8, 4, 4), np.zeros((8, 1, 3, 3), parameter)
    b, c = np.zeros(8, parameter), [np.zeros(4, parameter) for _ in range(6)]
    return [
        *(("conv2d", (x, w, b, window, 2, f, 0.0, "gemm", y)) for f in ("relu", "gelu")),
        ("conv2d_input_gradient", (y, w, window, 2, "gemm", x)),
        ("conv2d_weight_gradient", (y, x, window, 2, "gemm", w)),
        ("conv2d", (x, filters, b, window, 4, "relu", 0.0, "direct", spread)),
        ("conv2d_input_gradient", (spread, filters, window, 4, "direct", x)),
        ("conv2d_weight_gradient", (spread, x, window, 4, "direct", filters)),
        ("conv2d", (x, w, b, window, 2, "relu", 0.0, "im2col", y)),
        ("conv2d_input_gradient", (y, w, window, 2, "im2col", x)),
        ("conv2d", (x, v, b, plain, 1, "relu", 0.0, "winograd", x[:, :3])),
        ("conv2d_input_gradient", (x[:, :3], v, plain, 1, "winograd", x)),
        ("conv2d_weight_gradient", (x[:, :3], x, plain, 1, "winograd", v)),
        ("im2col", (x, window, cols)),
        ("im2col", (x, wide, cols[:, :24])),
        ("col2im", (cols[:, :24], wide, x)),
        ("max_pool2d", (x, wide, pooled)),
        ("max_pool2d_backward", (pooled, x, pooled, wide, x)),
        ("avg_pool2d", (x, wide, True, pooled)),
        ("avg_pool2d_backward", (pooled, wide, True, x)),
        ("col2im", (cols, window, x)),
        ("max_pool2d", (x, window, pooled)),
        ("max_pool2d_backward", (pooled, x, pooled, window, x)),
        ("avg_pool2d", (x, window, True, pooled)),
        ("avg_pool2d_backward", (pooled, window, True, x)),
        ("sum_channels", (x, c[0])),
        ("bias_activate", (x, c[0], "gelu", 0.0)),
        ("copy", (x, x)),
        ("pad2d", (x, (1, 1, 1, 1), padded)),
        ("batch_norm", (x, c[0], c[1], 1e-5, 0.9, *c[2:], x)),
        ("batch_norm_inference", (x, c[0], c[1], 1e-5, *c[2:5], x)),
        ("batch_norm_backward", (x, x, c[0], c[1], c[2], True, x, c[3], c[4])),
        ("batch_norm_backward", (x, x, c[0], c[1], c[2], False, x, c[3], c[4])),
    ]


def flat_calls(dtype: str) -> list[tuple[str, tuple[Any, ...]]]:
    """A call of every public function of matrices and flat arrays."""
    parameter = _wide(dtype)
    y, b, c = np.zeros((8, 10), dtype), np.zeros(8, parameter), np.zeros(10, parameter)
    w, total, rate = np.zeros(99, parameter), np.zeros(1), np.zeros(3)
    whole = (Segment(0, w.size),)
    order, cursor = np.zeros(8, np.int64), np.zeros(1, np.int64)
    key, pixels = np.zeros(1, np.uint64), np.zeros((8, 10), np.uint8)
    now, names = (rate, cursor), ("sigmoid", "tanh", "gelu")
    losses = "mse", "softmax_cross_entropy", "sigmoid_cross_entropy"
    others = "categorical_cross_entropy", "binary_cross_entropy"
    return [
        *(("activate", (f, 0.0, y, y)) for f in names),
        *(("activate_backward", (f, 0.0, y, y, y, y)) for f in names),
        ("softmax", (y, y)),
        ("softmax_backward", (y, y, y)),
        ("log_softmax", (y, y)),
        ("log_softmax_backward", (y, y, y)),
        ("layer_norm", (y, c, c, 1e-3, b, b, y)),
        ("layer_norm_backward", (y, y, c, b, b, y, c, c)),
        *((loss, (y, y, b, y)) for loss in (*losses, *others)),
        ("weigh", (b, b, y)),
        ("add_sum", (b, total)),
        ("count_category_hits", (y, y, total)),
        ("count_binary_hits", (y, y, 0.5, total)),
        ("gather_rows", (pixels, order, cursor, 8, 1 / 255, y)),
        ("gather_one_hot", (order, order, cursor, 8, y)),
        ("advance", (cursor,)),
        ("finish_step", (rate, cursor, cursor)),
        ("scale_gradient", (y, total)),
        ("unscale_gradients", (w, total, total)),
        ("adjust_scale", (rate, total, 2000, (1.0, 2.0), rate, cursor)),
        ("dropout", (y, 0.5, key, cursor, 0, y)),
        ("add_penalty", (w, 0.1, 0.1, w)),
        ("penalty", (w, 0.1, 0.1, total)),
        ("clip_value", (w, 1.0)),
        ("clip_norm", (w, 1.0)),
        ("sgd", (w, w, whole, *now)),
        ("momentum", (w, w, w, 0.9, True, whole, *now)),
        ("adagrad", (w, w, w, 1e-7, whole, *now)),
        ("rmsprop", (w, w, w, w[:0], 0.9, 0.0, 1e-7, whole, *now)),
        ("rmsprop", (w, w, w, w, 0.9, 0.9, 1e-7, whole, *now)),
        ("adam", (w, w, w, w, 0.9, 0.999, 1e-7, 0.0, whole, *now, cursor)),
        ("moving_average", (w, w, 0.99, *now)),
    ]


def _wide(dtype: str) -> str:
    """The dtype of parameters for activations of `dtype`."""
    return "float32" if dtype in HALVES else dtype


def typed(value: Any) -> Any:
    """An argument of a kernel, with the Numba type that it has on a GPU."""
    from nnaccel_kernels.cuda.runtime.half import HalfArrayType

    if isinstance(value, np.ndarray) and value.dtype.name in HALVES:
        return SimpleNamespace(_numba_type_=HalfArrayType.of(value))
    if isinstance(value, tuple):
        items = map(typed, value)
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    return value


def compiled(kernel: Any, args: tuple[Any, ...], sm: str) -> str:
    """The PTX of a kernel for such arguments and an architecture."""
    from numba import cuda, typeof
    from numba.cuda import dispatcher

    from nnaccel_kernels.cuda.runtime.arguments import flatten, size_of
    from nnaccel_kernels.cuda.runtime.ptx import entry

    cc = int(sm[3]), int(sm[4])
    # Numba compiles device functions for the current device; here that is the given architecture.
    dispatcher.get_current_device = lambda: SimpleNamespace(compute_capability=cc)
    ptx, _ = cuda.compile_ptx(kernel.py_func, tuple(typeof(typed(arg)) for arg in args), cc=cc)
    numbers: list[Any] = []
    flatten(args, numbers, [])
    if entry(ptx)[1] != list(map(size_of, numbers)):
        raise RuntimeError(f"{kernel.py_func.__name__}: its arguments do not match its parameters")
    return str(ptx)


def resources(toolkit: Toolkit, kernel: Any, args: tuple[Any, ...], sm: str) -> dict[str, Any]:
    """Resources of a kernel compiled for such arguments and an architecture."""
    ptx = compiled(kernel, args, sm)
    of_ptx = {"ptx": ptx_version(ptx), "instructions": len(_INSTRUCTION.findall(ptx))}
    return toolkit.report(ptx, sm) | of_ptx | {"cubin": _linked_size(ptx, (int(sm[3]), int(sm[4])))}


def _linked_size(ptx: str, cc: tuple[int, int]) -> int | None:
    """Bytes of the cubin that nvJitLink makes of PTX; None where it is not installed."""
    from nnaccel_kernels.cuda.runtime.cubin import link

    return len(link(ptx, cc)) if _is_installed("cuda.bindings.nvjitlink") else None


def ptx_version(ptx: str) -> str:
    """What the header says, such as 8.8."""
    found = re.search(r"^\.version (\S+)", ptx, re.MULTILINE)
    return found[1] if found else "none"


def watch(look: Callable[..., None]) -> Any:
    """Return the CUDA kernels, after replacing their launches by calls of `look`."""
    from nnaccel_kernels import cuda
    from nnaccel_kernels.cuda.conv import im2col, winograd
    from nnaccel_kernels.cuda.runtime import launch

    launch.run = look
    im2col.matmul = winograd.batched_matmul = lambda *_, **__: None  # cuBLAS's
    return cuda.kernels


def measure(
    toolkit: Toolkit,
    architectures: tuple[str, ...],
    dtypes: tuple[str, ...],
    layouts: tuple[str, ...],
    only: tuple[str, ...],
) -> list[dict[str, Any]]:
    """A row for each kernel that the calls launch."""
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    settings: tuple[str, str] = "", ""

    def compile_instead(kernel: Any, grid: Any, block: Any, *args: Any) -> None:
        for sm in architectures:
            key = kernel.py_func.__name__, *settings, sm
            if key not in rows:
                taken = resources(toolkit, kernel, args, sm)
                rows[key] = dict(zip(SETTINGS, key, strict=True)) | taken

    kernels = watch(compile_instead)
    for dtype in dtypes:
        for layout in layouts:
            settings = dtype, layout
            flat = flat_calls(dtype) if layout == layouts[0] else []
            for function, args in [*calls(dtype, layout == "NHWC"), *flat]:
                if any(part in function for part in only):
                    getattr(kernels, function)(*args)
    return list(rows.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sm", nargs="+", default=ARCHITECTURES, help="architectures, as sm_80")
    parser.add_argument("--dtype", nargs="+", default=("float32", "float64", *HALVES))
    parser.add_argument("--layout", nargs="+", default=("NCHW", "NHWC"))
    parser.add_argument("--only", nargs="+", default=("",), help="parts of the names of functions")
    parser.add_argument("--json", action="store_true", help="print JSON, and write no file")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(
            Toolkit(Path(folder)), tuple(options.sm), options.dtype, options.layout, options.only
        )
    if options.json:
        print(json.dumps(rows))
        return
    from benchmarks import _results

    widths = [max(len(c), *(len(str(row[c])) for row in rows)) for c in COLUMNS]
    for row in [dict(zip(COLUMNS, COLUMNS, strict=True)), *rows]:
        print("  ".join(f"{row[c]!s:<{width}}" for c, width in zip(COLUMNS, widths, strict=True)))
    linked = sum(row["cubin"] is not None for row in rows)
    print(f"{len(rows)} kernels, {linked} of them linked to cubins")
    print(_results.write("ptx.json", _results.provenance() | {"rows": rows}))


if __name__ == "__main__":
    main()
