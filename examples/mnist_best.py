"""The best MLP that a minute on two cores gives: ReLU, softmax, Adam, dropout, label by label.

python examples/mnist_best.py
"""

import argparse
import time

from _options import add_data_option, count, load

import nnaccel as nn


def main() -> None:
    """Train and say how well it went."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--epochs", type=count, default=40, help="passes over the training data")
    add_data_option(parser)
    options = parser.parse_args()

    (x, y), (x_test, y_test) = load(options.data)
    batch_size = 256
    steps = options.epochs * -(-len(x) // batch_size)

    model = nn.Sequential(
        [
            nn.Dropout(0.2),
            nn.Dense(512, "relu", initializer="he_normal"),
            nn.Dropout(0.5),
            nn.Dense(256, "relu", initializer="he_normal"),
            nn.Dropout(0.3),
            nn.Dense(10, "softmax"),
        ],
        seed=0,
    )
    model.compile(
        loss="categorical_crossentropy",
        optimizer=nn.optim.Adam(nn.schedules.CosineDecay(2e-3, steps)),
        metrics=["accuracy"],
    )

    start = time.perf_counter()
    model.fit(x, y, epochs=options.epochs, batch_size=batch_size, verbose=2)
    seconds = time.perf_counter() - start
    loss, accuracy = model.evaluate(x_test, y_test)
    print(f"test loss {loss:.4f}, accuracy {accuracy:.2%} after {seconds:.1f} s of training")


if __name__ == "__main__":
    main()
