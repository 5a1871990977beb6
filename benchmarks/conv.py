"""Time convolutions in nnaccel, PyTorch and NumPy: results/conv.json."""

from __future__ import annotations

import argparse
from pathlib import Path

import _results

from nnaccel.bench.conv import run_conv
from nnaccel.bench.conv_chart import conv_chart
from nnaccel.plot import save


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shapes", default="all", help="names and notations, separated by commas")
    parser.add_argument("--against", default="all", help="naive,numpy,torch or all")
    parser.add_argument("--repeats", type=int, default=9, help="timed turns of each library")
    parser.add_argument("--backend", default="numba")
    parser.add_argument("--plot", type=Path, help="write a bar chart of the speeds to this PNG")
    options = parser.parse_args()
    shapes, against = options.shapes.split(","), options.against.split(",")
    report = run_conv(shapes, against, options.repeats, options.backend)
    print(report, end="\n\n", flush=True)
    if options.plot is not None:
        save(conv_chart(report), options.plot)
    print(_results.write("conv.json", _results.provenance() | report.to_dict()))


if __name__ == "__main__":
    main()
