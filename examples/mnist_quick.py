"""99% of MNIST's test digits in some seconds: a small convolutional network, two epochs.

The rate rises to a peak and falls to nothing within the few steps there are. Pooling comes before
normalisation, which so has a quarter of the numbers to go through.

    python examples/mnist_quick.py
"""

from _training import images, train_and_test, training_parser

import nnaccel as nn

PEAK, BATCH_SIZE = 1e-2, 128


def main() -> None:
    """Train and say how well it went."""
    options = training_parser(__doc__, epochs=2).parse_args()
    train, test = images(options)
    steps = options.epochs * -(-len(train[0]) // BATCH_SIZE)

    model = nn.Sequential(
        [
            *convolution(24),
            *convolution(48),
            nn.Dense(128, "relu"),
            nn.Dense(10, "softmax"),
        ],
        seed=options.seed,
    )
    rise = steps // 5
    schedule = nn.schedules.CosineDecay(
        PEAK / 20, steps - rise, warmup_target=PEAK, warmup_steps=rise
    )
    model.compile("categorical_crossentropy", nn.optim.Adam(schedule), metrics=["accuracy"])
    train_and_test(model, train, test, epochs=options.epochs, batch_size=BATCH_SIZE)


def convolution(filters: int) -> list[nn.Layer]:
    """Return the layers that find patterns of 3x3 pixels and halve the size."""
    return [
        nn.Conv2D(filters, 3, use_bias=False),
        nn.MaxPool2D(2),
        nn.BatchNorm(0.9),
        nn.ReLU(),
    ]


if __name__ == "__main__":
    main()
