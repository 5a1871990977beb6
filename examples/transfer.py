"""Transfer learning: a network that tells the digits 0 to 4 apart learns 5 to 9 from few images.

python examples/transfer.py
"""

import numpy as np
from _options import add_data_option, count, load, new_parser

import nnaccel as nn


def convnet() -> nn.Sequential:
    """Return a small convolutional network for five classes."""
    body = [nn.Conv2D(16, 3, "relu"), nn.Conv2D(32, 3, "relu"), nn.MaxPool2D(2)]
    model = nn.Sequential([*body, nn.Dense(64, "relu"), nn.Dense(5, "softmax")], seed=0)
    model.compile(optimizer="adam", metrics=["accuracy"])
    return model


def main() -> None:
    """Train on half of the digits, then on a few of the others: with and without transfer."""
    parser = new_parser(__doc__)
    parser.add_argument("--epochs", type=count, default=2, help="passes over the digits 0 to 4")
    parser.add_argument("--images", type=count, default=5, help="images of each of 5 to 9")
    add_data_option(parser)
    options = parser.parse_args()

    (x, y), (x_test, y_test) = load(options.data)
    low, high, asked = y < 5, y >= 5, y_test >= 5
    few = np.concatenate([np.flatnonzero(y == digit)[: options.images] for digit in range(5, 10)])

    trained = convnet()
    trained.fit(x[low], y[low], epochs=options.epochs, verbose=0)

    model = trained[:-1].extended([nn.Dense(5, "softmax")])  # a copy of the body, and a new head
    model[:-1].trainable = False
    model.compile(optimizer=nn.optim.Adam(0.01), metrics=["accuracy"])
    model.fit(x[few], y[few] - 5, epochs=30, verbose=0)

    model.trainable, model[:-1].learning_rate_factor = True, 0.1  # all of it, the body slowly
    model.fit(x[few], y[few] - 5, epochs=10, verbose=0)

    alone = convnet()
    alone.fit(x[few], y[few] - 5, epochs=40, verbose=0)

    for name, network in (("with transfer", model), ("from scratch", alone)):
        _, accuracy = network.evaluate(x_test[asked], y_test[asked] - 5)
        print(f"{len(few)} images, {name}: {accuracy:.1%} of {asked.sum():,} test images right")
    print(f"(there are {high.sum():,} images of these digits to train on)")


if __name__ == "__main__":
    main()
