"""What memory-bound kernels issue for an element, read off their machine code; no GPU.

The public functions are called on arrays that nobody touches, and each kernel is compiled for sm_90
instead of launched. Of its innermost loops the one counts that takes the most elements: the
instructions in it are divided by those elements, paths that are rarely taken (of a division, say)
included. Wants what `sass.py` wants.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks import _results
from benchmarks.gpu import ptx, sass
from nnaccel_kernels.segments import Segment
from nnaccel_kernels.window import Window

SM = "sm_90"
F = np.float32
KEY = "kernel", "dtype", "layout"
MEASURED = "per element", "bits", "registers", "opcodes", "compile_s"


class Case(NamedTuple):
    """A call, the kernel of it that is looked at, and arrays that its loop goes through.

    They are what it stores, or what it loads if it stores nothing.
    """

    function: str
    args: tuple[Any, ...]
    kernel: str
    arrays: tuple[Any, ...]


def optimizers() -> Iterator[Case]:
    """Steps on float32, which parameters always have."""
    w, rate, cursor = np.empty(1 << 20, F), np.empty(9), np.zeros(1, np.int64)
    now = (Segment(0, w.size),), rate, cursor
    yield Case("sgd", (w, w, *now), "sgd", (w,))
    yield Case("momentum", (w, w, w, 0.9, True, *now), "momentum", (w, w))
    yield Case("rmsprop", (w, w, w, w[:0], 0.9, 0.0, 1e-7, *now), "rmsprop", (w, w))
    yield Case("adam", (w, w, w, w, 0.9, 0.999, 1e-7, 0.0, *now, cursor), "adam", (w, w, w))
    yield Case("add_penalty", (w, 0.1, 0.1, w), "add_penalty", (w,))


def images(dtype: str, layout: str) -> Iterator[Case]:
    """Kernels of images (64, 64, 28, 28), in one order of memory."""
    x, half = (_image(layout, dtype, 64, 64, size, size) for size in (28, 14))
    v, pool = [np.empty(64, F) for _ in range(6)], Window((2, 2), (2, 2))
    flat = x.transpose(0, 2, 3, 1) if layout == "NHWC" else x
    relu = "relu", 0.0
    yield Case("copy", (x, x), "copy", (x,))
    yield Case("activate", (*relu, flat, flat), "activate", (x,))
    yield Case("activate_backward", (*relu, *[flat] * 4), "activate_backward", (x,))
    yield Case("bias_activate", (x, v[0], *relu), "biased_activation", (x,))
    yield Case("batch_norm", (x, v[0], v[1], 1e-5, 0.9, *v[2:], x), "normalise", (x,))
    back = x, x, v[0], v[1], v[2], True, x, v[3], v[4]
    yield Case("batch_norm_backward", back, "batch_statistics_backward", (x,))
    yield Case("batch_norm_backward", back, "sum_of_products", (x, x))
    yield Case("sum_channels", (x, v[0]), "sum_channels", (x,))
    yield Case("max_pool2d", (x, pool, half), "max_pool2d_2x2_2", (x,))
    yield Case("avg_pool2d", (x, pool, True, half), "avg_pool2d_2x2_2", (x,))
    back = "max_pool2d_backward_2x2_2"
    yield Case("max_pool2d_backward", (half, x, half, pool, x), back, (x,))
    back = "avg_pool2d_backward_2x2_2"
    yield Case("avg_pool2d_backward", (half, pool, True, x), back, (x,))


def _image(layout: str, dtype: str, n: int, c: int, height: int, width: int) -> np.ndarray:
    if layout == "NHWC":
        return np.empty((n, height, width, c), dtype).transpose(0, 3, 1, 2)
    return np.empty((n, c, height, width), dtype)


def measured(toolkit: ptx.Toolkit, case: Case, kernel: Any, args: Any) -> dict[str, Any]:
    """What the hot loop of one kernel holds, and the CPU time that PTX took."""
    before = time.process_time()
    text = ptx.compiled(kernel, args, SM)
    seconds = time.process_time() - before
    size = sum(array.itemsize for array in case.arrays)
    reads = case.kernel.startswith(("sum", "max_pool2d_2", "avg_pool2d_2"))

    def elements(loop: sass.Loop) -> float:
        return sum(a.bytes for a in (loop.loads if reads else loop.stores)) / size

    loops = sass.innermost_loops(sass.disassemble(toolkit, text, SM))
    hot = max(loops, key=elements)
    accesses = hot.loads + hot.stores
    return {
        "per element": round(len(hot.instructions) / elements(hot), 1),
        "opcodes": " ".join(sorted({a.opcode for a in accesses})),
        "bits": 8 * max(a.bytes for a in accesses),
        "registers": toolkit.report(text, SM)["registers"],
        "compile_s": round(seconds, 2),
    }


def rows(toolkit: ptx.Toolkit) -> Iterator[dict[str, Any]]:
    """A row for each kernel, dtype and order of memory."""
    launched: list[tuple[Any, Any]] = []
    kernels = ptx.watch(lambda kernel, grid, block, *args: launched.append((kernel, args)))
    settings = [("float32", "flat", list(optimizers()))]
    for dtype in ("float32", *ptx.HALVES):
        settings += [(dtype, layout, list(images(dtype, layout))) for layout in ("NHWC", "NCHW")]
    for dtype, layout, cases in settings:
        for case in cases:
            launched.clear()
            getattr(kernels, case.function)(*case.args)
            kernel, args = next(k for k in launched if k[0].py_func.__name__ == case.kernel)
            key = {"kernel": case.kernel, "dtype": dtype, "layout": layout}
            yield key | measured(toolkit, case, kernel, args)


def compared(rows: list[dict[str, Any]], before: Path | None) -> list[dict[str, Any]]:
    """Rows with what an earlier result had in the same place, as `before`."""
    earlier = json.loads(before.read_text("utf-8"))["rows"] if before else []
    known = {tuple(row[name] for name in KEY): row for row in earlier}
    for row in rows:
        past = known.get(tuple(row[name] for name in KEY), {})
        row["before"] = {name: past.get(name) for name in MEASURED}
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", default="memory_bound.json", help="in benchmarks/results")
    parser.add_argument("--before", type=Path, help="such a file of an earlier commit")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        found = compared(list(rows(ptx.Toolkit(Path(folder)))), options.before)
    heads = [*KEY, *(f"{name}, before" for name in MEASURED[:3]), *MEASURED]
    lines = [
        [*(row[n] for n in KEY), *(row["before"][n] for n in MEASURED[:3]),
         *(row[n] for n in MEASURED)]
        for row in found
    ]  # fmt: skip
    table = [heads, *([str(value) for value in line] for line in lines)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)))
    content = _results.provenance() | {"sm": SM, "rows": found}
    print(_results.write(options.file, content))


if __name__ == "__main__":
    main()
