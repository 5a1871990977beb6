"""Seconds of the import and of the first fits of an MLP and a CNN: results/startup.json.

Each is measured in a new process; the fits both with nothing compiled and with compiled code on
disk.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import _results

IMPORT = """
import time
start = time.perf_counter()
import nnaccel
print(time.perf_counter() - start)
"""

LAYERS = {
    "mlp": 'nn.Dense(100, "relu")',
    "cnn": 'nn.Conv2D(32, 3, "relu"), nn.Conv2D(64, 3, "relu"), nn.MaxPool2D(2)',
}

FIRST_FIT = """
import time, numpy as np, nnaccel as nn
x, y = np.zeros((1300, 28, 28), np.uint8), np.zeros(1300, np.int64)
start = time.perf_counter()
model = nn.Sequential([LAYERS, nn.Dense(10, "softmax")])
model.compile("categorical_crossentropy", nn.optim.SGD(learning_rate=0.1), metrics=["accuracy"])
model.fit(x, y, batch_size=128, verbose=0)
print(time.perf_counter() - start)
"""


def seconds(code: str, cache: str | Path) -> float:
    """Seconds that `code` prints in a new process whose compiled code is in `cache`."""
    env = os.environ | {"NNACCEL_CACHE": str(cache), "NNACCEL_BACKEND": "numba"}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # as where a user installs it
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, text=True, check=True
    )
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7, help="processes for each median")
    repeats = range(parser.parse_args().repeats)
    result: dict[str, float | list[float]] = {}
    for network, layers in LAYERS.items():
        fit = FIRST_FIT.replace("LAYERS", layers)
        with tempfile.TemporaryDirectory() as cache:
            result[f"first_{network}_fit_cold_s"] = seconds(fit, cache)
            imports = [seconds(IMPORT, cache) for _ in repeats]
            warm = [seconds(fit, cache) for _ in repeats]
        result[f"first_{network}_fit_warm_s"] = statistics.median(warm)
        result[f"all_first_{network}_fit_warm_s"] = warm
    result |= {"import_s": statistics.median(imports), "all_import_s": imports}
    print(json.dumps(result, indent=2))
    print(_results.write("startup.json", _results.provenance() | result))


if __name__ == "__main__":
    main()
