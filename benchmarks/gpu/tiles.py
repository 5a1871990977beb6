"""What the inner loops of the convolutions' tiled products issue, by machine code; needs no GPU.

A scheduler of a multiprocessor issues one instruction a cycle, so the share of multiplications in
the loop over tiles bounds the share of the peak of FFMA that a product can reach; an instruction of
a tensor core takes several cycles, and bounds less. Needs what `sass.py` needs.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import warnings
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import ml_dtypes  # noqa: F401  (adds bfloat16 to NumPy's dtypes)
import numpy as np

from benchmarks.gpu import ptx
from benchmarks.gpu.sass import disassemble, innermost_loops
from nnaccel_kernels.window import Window

SETTINGS = ("kernel", "tile", "layout", "dtype", "sm")
COLUMNS = (*SETTINGS, "products", "issued", "share", "registers", "spilled", "local", "shared")
PLAIN = ("float32", "float64")  # dtypes of FFMA and DFMA
PRODUCTS = ("FFMA", "DFMA", "HMMA")
CHANNELS = 8  # whole vectors of every dtype


def calls(layout: str, dtype: str) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """A convolution, whose kernel computes input gradients too, and its weight gradient."""
    x = np.zeros((2, 8, 8, CHANNELS), dtype).transpose(0, 3, 1, 2)
    x = x if layout == "NHWC" else np.ascontiguousarray(x)
    w = np.zeros((CHANNELS, CHANNELS, 3, 3), "float32" if dtype in ptx.HALVES else dtype)
    window = Window((3, 3), padding=(1, 1, 1, 1))
    yield "conv2d", (x, w, w[0, 0, 0], window, 1, "relu", 0.0, "gemm", x)
    yield "conv2d_weight_gradient", (x, x, window, 1, "gemm", w)


def inner_loop(sass: str) -> tuple[int, int]:
    """Multiplications, and all instructions, of the loop that has most of them."""
    loops = [[line.split()[0] for line in loop.instructions] for loop in innermost_loops(sass)]
    counts = [(sum(name.startswith(PRODUCTS) for name in loop), len(loop)) for loop in loops]
    return max(counts)


def measure(sm: str, layout: str, dtype: str) -> list[dict[str, Any]]:
    """A row for each product and tile, in a process of its own since it replaces functions.

    'tf32' is float32 by tensor cores, which have products of 16 bits as well.
    """
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        return _rows(ptx.Toolkit(Path(folder)), sm, layout, dtype)


def _rows(toolkit: ptx.Toolkit, sm: str, layout: str, dtype: str) -> list[dict[str, Any]]:
    from nnaccel_kernels.cuda.runtime import cublas, tensor_cores
    from nnaccel_kernels.cuda.skeletons import tensor, tile, tiled

    cublas.set_tf32(dtype == "tf32")
    in_memory = "float32" if dtype == "tf32" else dtype
    by_tensor_cores = dtype not in PLAIN
    tensor_cores.compute_capability = lambda: (8, 0) if by_tensor_cores else (7, 5)
    rows = list[dict[str, Any]]()
    tile_name = ""

    def compile_instead(kernel: Any, grid: Any, block: Any, *args: Any) -> None:
        name = kernel.py_func.__name__
        if name.startswith("conv2d"):
            text = ptx.compiled(kernel, args, sm)
            products, issued = inner_loop(disassemble(toolkit, text, sm))
            row = dict(zip(SETTINGS, (name, tile_name, layout, dtype, sm), strict=True))
            counts = {"products": products, "issued": issued, "share": products / issued}
            rows.append(row | counts | toolkit.report(text, sm))

    kernels = ptx.watch(compile_instead)
    plain = tile.TILES[max(4, np.dtype(in_memory).itemsize)]
    for each in tensor.TENSOR_TILES if by_tensor_cores else plain:
        tiled.choose_tile = tensor.fastest = _always(each)
        tile_name = f"{each.rows} x {each.columns}"
        for function, args in calls(layout, in_memory):
            getattr(kernels, function)(*args)
    return rows


def _always(value: Any) -> Callable[..., Any]:
    return lambda *_: value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sm", nargs="+", default=ptx.ARCHITECTURES, help="as sm_80")
    parser.add_argument("--layout", nargs="+", default=("NHWC", "NCHW"))
    parser.add_argument("--dtype", nargs="+", default=("float32", "float16", "bfloat16", "tf32"))
    parser.add_argument("--workers", type=int, help="processes; all cores by default")
    parser.add_argument("--json", action="store_true", help="print JSON, and write no file")
    options = parser.parse_args()
    # Tensor cores get images channels-last, and sm_75 has none of the kind.
    jobs = [
        (sm, layout, dtype)
        for dtype in options.dtype
        for sm in options.sm
        for layout in options.layout
        if dtype in PLAIN or (layout == "NHWC" and sm != "sm_75")
    ]
    with get_context("spawn").Pool(options.workers, maxtasksperchild=1) as pool:
        rows = [row for found in pool.starmap(measure, jobs, chunksize=1) for row in found]
    if options.json:
        print(json.dumps(rows))
        return
    from benchmarks import _results

    shown = [{c: f"{row[c]:.2f}" if c == "share" else str(row[c]) for c in COLUMNS} for row in rows]
    for row in (dict(zip(COLUMNS, COLUMNS, strict=True)), *shown):
        print("  ".join(f"{row[c]:<{22 if c == 'kernel' else 10}}" for c in COLUMNS))
    print(_results.write("tiles.json", _results.provenance() | {"rows": rows}))


if __name__ == "__main__":
    main()
