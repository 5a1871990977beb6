"""99% of MNIST's test digits in some seconds: a small convolutional network, two epochs.

The rate rises to a peak and falls to nothing within the few steps there are. Pooling comes before
normalisation, which so has a quarter of the numbers to go through.

    python examples/mnist_quick.py
"""

from _training import convolution, images, one_cycle, train_and_test, training_parser

import nnaccel as nn

PEAK, BATCH_SIZE = 1e-2, 128


def main() -> None:
    """Train and say how well it went."""
    options = training_parser(__doc__, epochs=2).parse_args()
    train, test = images(options)
    steps = options.epochs * -(-len(train[0]) // BATCH_SIZE)

    model = nn.Sequential(
        [
            *convolution(24, 3, pool=True),
            *convolution(48, 3, pool=True),
            nn.Dense(128, "relu"),
            nn.Dense(10, "softmax"),
        ],
        seed=options.seed,
    )
    model.compile(
        "categorical_crossentropy", nn.optim.Adam(one_cycle(PEAK, steps)), metrics=["accuracy"]
    )
    train_and_test(model, train, test, epochs=options.epochs, batch_size=BATCH_SIZE)


if __name__ == "__main__":
    main()
