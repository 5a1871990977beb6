"""Processor seconds of the import, a first convolution and first fits: results/startup.json.

Each is measured in a new process; all but the import both with nothing compiled and with compiled
code on disk.
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
start = time.process_time()
import nnaccel
print(time.process_time() - start)
"""

LAYERS = {
    "mlp": 'nn.Dense(100, "relu")',
    "cnn": 'nn.Conv2D(32, 3, "relu"), nn.Conv2D(64, 3, "relu"), nn.MaxPool2D(2)',
}

FIRST_CONVOLUTION = """
import time, numpy as np, nnaccel as nn
x, w = np.zeros((8, 32, 28, 28), np.float32), np.zeros((32, 32, 3, 3), np.float32)
start = time.process_time()
nn.ops.conv2d(x, w, padding=1)
print(time.process_time() - start)
"""

FIRST_FIT = """
import time, numpy as np, nnaccel as nn
x, y = np.zeros((1300, 28, 28), np.uint8), np.zeros(1300, np.int64)
start = time.process_time()
model = nn.Sequential([LAYERS, nn.Dense(10, "softmax")])
model.compile("categorical_crossentropy", nn.optim.SGD(learning_rate=0.1), metrics=["accuracy"])
model.fit(x, y, batch_size=128, verbose=0)
print(time.process_time() - start)
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
    firsts = {f"{name}_fit": FIRST_FIT.replace("LAYERS", layers) for name, layers in LAYERS.items()}
    for name, code in {"conv2d": FIRST_CONVOLUTION, **firsts}.items():
        with tempfile.TemporaryDirectory() as cache:
            result[f"first_{name}_cold_s"] = seconds(code, cache)
            imports = [seconds(IMPORT, cache) for _ in repeats]
            warm = [seconds(code, cache) for _ in repeats]
        result[f"first_{name}_warm_s"] = statistics.median(warm)
        result[f"all_first_{name}_warm_s"] = warm
    result |= {"import_s": statistics.median(imports), "all_import_s": imports}
    print(json.dumps(result, indent=2))
    print(_results.write("startup.json", _results.provenance() | result))


if __name__ == "__main__":
    main()
