"""The same training on every backend that runs here: equal losses, unequal times.

python examples/06_backends.py
"""

import time

import numpy as np
from _options import add_data_option, count, load, new_parser

import nnaccel as nn


def main() -> None:
    """Train once on each backend and compare."""
    parser = new_parser(__doc__)
    add_data_option(parser)
    parser.add_argument("--epochs", type=count, default=3, help="passes over the training data")
    options = parser.parse_args()
    (x, y), _ = load(options.data)

    curves, seconds = {}, {}
    for name, info in nn.backends().items():
        if not info.available:
            print(f"{name}: {info.reason}; {info.remedy}")
            continue
        with nn.use_backend(name):
            train(x[:256], y[:256], 1)  # the first time, kernels are loaded or compiled
            start = time.perf_counter()
            curves[name] = train(x, y, options.epochs)
            seconds[name] = time.perf_counter() - start

    fastest = min(seconds.values())
    print(
        f"\n{'backend':<8}"
        + "".join(f"  loss {i + 1:<3}" for i in range(options.epochs))
        + "  time"
    )
    for name, losses in curves.items():
        shown = "".join(f"  {loss:.6f}" for loss in losses)
        print(f"{name:<8}{shown}  {seconds[name]:.2f} s, {seconds[name] / fastest:.1f}x")
    spread = np.ptp(list(curves.values()), axis=0).max()
    print(f"losses agree to {spread:.1e}: same seed, same weights, same shuffles everywhere")


def train(x: np.ndarray, y: np.ndarray, epochs: int) -> list[float]:
    """Return the loss of each epoch."""
    model = nn.Sequential([nn.Dense(100, "relu"), nn.Dense(10, "softmax")], seed=0)
    model.compile(loss="categorical_crossentropy", optimizer=nn.optim.SGD(0.1))
    return model.fit(x, y, epochs=epochs, batch_size=128, verbose=0).history["loss"]


if __name__ == "__main__":
    main()
