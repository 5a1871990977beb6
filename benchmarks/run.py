"""Time nnaccel and its peers on three MLPs, in turns: results/mlp.json."""

from __future__ import annotations

import argparse

import _results

from nnaccel.bench.images import mnist_or_synthetic
from nnaccel.bench.mlp import run_mlp

NETWORKS = [((100,), 10), ((100,), 128), ((512,), 128)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", default="all", help="numpy,torch,jax,sklearn or all")
    parser.add_argument("--repeats", type=int, default=7, help="timed epochs of each library")
    parser.add_argument("--backend", default="numba")
    options = parser.parse_args()
    data = mnist_or_synthetic()
    against = options.against.split(",")
    reports = []
    for hidden, batch_size in NETWORKS:
        report = run_mlp(hidden, batch_size, against, options.repeats, options.backend, data)
        print(report, end="\n\n", flush=True)
        reports.append(report.to_dict())
    print(_results.write("mlp.json", _results.provenance() | {"reports": reports}))


if __name__ == "__main__":
    main()
