"""Peak memory of training on MNIST with the numba backend: results/memory.json.

A new process trains a small model first to load compiled code and libraries. The memory is the
increase from then on, from loading the images to the end of training.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import _results

CLEAR_REFS, STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


def resident() -> int:
    """Bytes of memory in use now; the peak so far on systems without /proc."""
    return _status("VmRSS") if STATUS.is_file() else peak()


def peak() -> int:
    """Peak bytes since `forget_peak`; since the start on systems without /proc."""
    if STATUS.is_file():
        return _status("VmHWM")
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def forget_peak() -> None:
    """Reset the peak; Linux only."""
    if CLEAR_REFS.is_file():
        CLEAR_REFS.write_text("5")


def _status(key: str) -> int:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(key))
    return int(line.split()[1]) * 1024


def train(hidden: int, batch_size: int) -> dict[str, Any]:
    """Train one epoch in this process; return its memory in bytes."""
    import numpy as np

    from nnaccel.backends import use_backend
    from nnaccel.data import DataNotFoundError, mnist
    from nnaccel.layers import Dense
    from nnaccel.model.sequential import Sequential
    from nnaccel.optim import SGD

    def fit(x: Any, y: Any, **settings: Any) -> Any:
        model = Sequential([Dense(hidden, "relu"), Dense(10, "softmax")], seed=0)
        model.compile("categorical_crossentropy", SGD(learning_rate=0.1), metrics=["accuracy"])
        model.fit(x, y, batch_size=batch_size, verbose=0, **settings)
        return model

    with use_backend("numba"):
        few = 2 * batch_size + 1
        x = np.zeros((few, 28, 28), np.uint8)
        fit(x, np.zeros(few, np.int64), validation_data=(x, np.zeros(few, np.int64)))
        forget_peak()
        before = resident()
        try:
            name, ((x, y), test) = "MNIST", mnist(download=False)
        except DataNotFoundError:
            name, x, y = "zeros of MNIST's shape", np.zeros((60_000, 28, 28), np.uint8), None
            y, test = np.zeros(len(x), np.int64), (x[:10_000].copy(), np.zeros(10_000, np.int64))
        loading = peak() - before
        forget_peak()
        model = fit(x, y, validation_data=test)
    training = peak() - before
    data = x.nbytes + test[0].nbytes
    parameters = model.weights.nbytes
    return {
        "network": f"784-{hidden}-10",
        "batch_size": batch_size,
        "data": name,
        "uint8_bytes": data,
        "model_bytes": parameters,
        "peak_loading_bytes": loading,
        "peak_training_bytes": training,
        "loading_ratio": loading / (data + parameters),
        "training_ratio": training / (data + parameters),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hidden", type=int, default=512)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(train(options.hidden, options.batch_size)))
        return
    done = subprocess.run(
        [sys.executable, *sys.argv, "--child"], stdout=subprocess.PIPE, text=True, check=True
    )
    result = json.loads(done.stdout)
    print(json.dumps(result, indent=2))
    print(_results.write("memory.json", _results.provenance() | result))


if __name__ == "__main__":
    main()
