"""Time the training of two CNNs in nnaccel and PyTorch: results/cnn.json."""

from __future__ import annotations

import argparse

import _results

from nnaccel.bench.cnn import run_cnn
from nnaccel.bench.images import mnist_or_synthetic
from nnaccel.model.architectures import ARCHITECTURES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", default="torch", help="torch, numpy or all")
    parser.add_argument("--repeats", type=int, default=7, help="timed epochs of each library")
    parser.add_argument("--images", type=int, default=5120, help="images in an epoch")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--backend", default="numba")
    options = parser.parse_args()
    data = mnist_or_synthetic()
    against = options.against.split(",")
    reports = []
    for name in ARCHITECTURES:
        how = options.batch_size, against, options.repeats, options.backend, options.images
        report = run_cnn(name, *how, data)
        print(report, end="\n\n", flush=True)
        reports.append(report.to_dict())
    print(_results.write("cnn.json", _results.provenance() | {"reports": reports}))


if __name__ == "__main__":
    main()
