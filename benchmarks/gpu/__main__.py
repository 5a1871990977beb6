"""Check nnaccel on a GPU: the tests marked gpu, then benchmarks beside PyTorch -> results/gpu.json.

Exits with 0 if all that ran is right, with 1 if a test or a benchmark failed, and with 3 if there
is no GPU to check on.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import nnaccel as nn
from benchmarks import _results
from benchmarks.gpu import conv, kernels, machine, product, pytorch, training
from benchmarks.gpu.report import FAILED, NOT_RUN, Benchmark, Outcome, run_all, table
from benchmarks.gpu.suite import run_tests
from nnaccel.bench.images import mnist_or_synthetic

RIGHT, WRONG, NO_GPU = 0, 1, 3


def main() -> int:
    options = read_options()
    gpu = nn.backends()["cupy"]
    if not gpu.available:
        print(f"no GPU to check on: cupy: {gpu.reason}. To fix: {gpu.remedy}", file=sys.stderr)
        return NO_GPU
    print(f"{gpu.device}, CuPy {gpu.version}", flush=True)
    folder = Path(os.environ.get("NNACCEL_RESULTS") or _results.RESULTS)
    report = _results.provenance() | {"gpu": machine.describe(), "tests": NOT_RUN}
    wrong = False
    if chosen("tests", options.only):
        limit = 60 * options.test_minutes
        print(f"tests marked gpu, for at most {limit:.0f} s -> {folder}/gpu-tests.txt", flush=True)
        several = ("-n", str(options.workers), "-p", "no:benchmark") if options.workers else ()
        tests = run_tests(folder, limit, options=several)
        print(tests, flush=True)
        report["tests"], wrong = asdict(tests), not tests.ok
    if not pytorch.is_available():
        print("no PyTorch that sees the GPU: its columns stay empty", flush=True)

    def keep(outcomes: list[Outcome]) -> None:
        content = report | {"benchmarks": [describe(outcome) for outcome in outcomes]}
        _results.write("gpu.json", content, folder)

    def obstacle() -> str:
        if not machine.answers():
            return "the device no longer answers: run this alone, with --only"
        machine.free_memory()
        return "the time is up" if time.monotonic() > end else ""

    end = time.monotonic() + 60 * options.minutes
    named = {n: run for n, run in benchmarks().items() if chosen(n, options.only)}
    outcomes = run_all(named, obstacle, keep)
    print(f"\n{table(outcomes)}\n{folder / 'gpu.json'}")
    wrong = wrong or any(outcome.status == FAILED for outcome in outcomes)
    return WRONG if wrong else RIGHT


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=4, help="for benchmarks; the rest is left")
    parser.add_argument("--test-minutes", type=float, default=4, help="for the tests")
    parser.add_argument(
        "--workers", type=int, default=0, help="processes of tests, by pytest-xdist"
    )
    parser.add_argument(
        "--only", nargs="+", default=("",), help="what has this in its name: tests, mlp, conv …"
    )
    return parser.parse_args()


def chosen(name: str, only: tuple[str, ...]) -> bool:
    """Whether a name has one of those texts in it."""
    return any(part in name for part in only)


def benchmarks() -> dict[str, Benchmark]:
    """All of them by name, those that matter most first."""
    images = mnist_or_synthetic()
    print(f"images: {images.name}", flush=True)
    return {
        **training.benchmarks(images),
        "product": product.product,
        **kernels.benchmarks(),
        "tutorial": partial(training.tutorial, images),
        **conv.benchmarks(),
    }


def describe(outcome: Outcome) -> dict[str, Any]:
    """An outcome for JSON, with the ratios of its rows."""
    rows = [asdict(row) | {"ratio": row.ratio} for row in outcome.rows]
    return asdict(outcome) | {"rows": rows}


if __name__ == "__main__":
    sys.exit(main())
