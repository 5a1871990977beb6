"""Memory that a convolution needs besides its input and output: results/conv_memory.json.

Each convolution runs in a new process, first on one image to load code and libraries. Its memory is
the peak from then on, less the results. It runs in a new thread, which has no scratch memory yet.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import _results
from memory import forget_peak, peak, resident

from nnaccel.bench.conv_problem import ConvProblem
from nnaccel.bench.conv_report import DIRECTIONS
from nnaccel.bench.peers import CONV_NNACCEL
from nnaccel.bench.shapes import SHAPES

BOUND = 16 << 20


def extra(shape: str, direction: str) -> dict[str, Any]:
    """Run one direction of one convolution in this process; return its memory in bytes."""
    problem = ConvProblem.draw(SHAPES[shape])
    few, whole = (CONV_NNACCEL["nnaccel"].make(p) for p in (problem.head(1), problem))
    getattr(few, direction)()
    forget_peak()
    before = resident()
    with ThreadPoolExecutor(1) as pool:
        results = pool.submit(getattr(whole, direction)).result()
    image_bytes = problem.x.nbytes + problem.dy.nbytes
    taken = peak() - before - sum(a.nbytes for a in results)
    return {
        "shape": str(problem.shape),
        "direction": direction,
        "input_and_output_bytes": image_bytes,
        "bound_bytes": max(BOUND, image_bytes // 10),
        "extra_bytes": taken,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(extra(*options.child)))
        return
    rows = []
    for shape in SHAPES:
        for direction in DIRECTIONS:
            command = [sys.executable, sys.argv[0], "--child", shape, direction]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            row = json.loads(done.stdout)
            print(
                f"{row['shape']:30} {direction:8} {row['extra_bytes'] / 2**20:6.1f} MiB extra, "
                f"{row['bound_bytes'] / 2**20:.1f} allowed"
            )
            rows.append(row)
    print(_results.write("conv_memory.json", _results.provenance() | {"rows": rows}))


if __name__ == "__main__":
    main()
