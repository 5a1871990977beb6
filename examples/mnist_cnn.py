"""A convolutional network with distortions, and a picture of the test digits that it misreads.

python examples/mnist_cnn.py --picture misread.png
"""

from _options import png
from _training import convolution, images, one_cycle, train_and_test, training_parser

import nnaccel as nn

PEAK, BATCH_SIZE = 3e-3, 128
DISTORTIONS = nn.data.Augment(shift=2, rotate=10, scale=0.1)


def main() -> None:
    """Train, say how well it went, and draw what went wrong."""
    parser = training_parser(__doc__, epochs=20)
    parser.add_argument("--picture", type=png, help="PNG to draw the misread digits in")
    options = parser.parse_args()
    train, test = images(options)
    steps = options.epochs * -(-len(train[0]) // BATCH_SIZE)

    model = nn.Sequential(
        [
            *convolution(32, 5, pool=True),
            *convolution(64, 3),
            *convolution(64, 3, pool=True),
            nn.Dropout(0.3),
            nn.Dense(128, "relu"),
            nn.Dropout(0.3),
            nn.Dense(10, "softmax"),
        ],
        seed=options.seed,
    )
    model.compile(
        "categorical_crossentropy", nn.optim.Adam(one_cycle(PEAK, steps)), metrics=["accuracy"]
    )
    settings = {"epochs": options.epochs, "batch_size": BATCH_SIZE, "augment": DISTORTIONS}
    train_and_test(model, train, test, **settings)
    if options.picture:
        nn.plot.save(nn.plot.misread(model, *test), options.picture)


if __name__ == "__main__":
    main()
