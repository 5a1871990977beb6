"""A deep and plain network, for a GPU: 784-2500-2000-1500-1000-500-10 on distorted digits.

That of D. C. Cireşan, U. Meier, L. M. Gambardella and J. Schmidhuber, "Deep, big, simple neural
nets for handwritten digit recognition", Neural Computation 22, 2010, whose error is 0.35% after
about 800 epochs. They step along the gradient of one image at a time; here it is that of 128, with
momentum. As theirs, the rate falls by 0.3% an epoch.

    python examples/mnist_ciresan.py                         on a GPU
    python examples/mnist_ciresan.py --epochs 1 --steps 300  some steps, to time them
"""

from _options import count
from _training import images, train_and_test, training_parser

import nnaccel as nn

UNITS, BATCH_SIZE, RATE = [2500, 2000, 1500, 1000, 500], 128, 1e-2
# The middles of their ranges: sigma 5 to 6, alpha 36 to 38, and 15 to 20% larger or smaller.
DISTORTIONS = nn.data.Augment(elastic=1.1, smoothness=5.5, rotate=15, scale=0.175)


def main() -> None:
    """Train and say how well it went."""
    parser = training_parser(__doc__, epochs=800)
    parser.add_argument("--steps", type=count, help="steps of an epoch, if not all images")
    options = parser.parse_args()
    (x, y), test = images(options)
    if options.steps:
        x, y = x[: options.steps * BATCH_SIZE], y[: options.steps * BATCH_SIZE]
    an_epoch = -(-len(x) // BATCH_SIZE)

    model = nn.Sequential(
        [*(nn.Dense(units, "tanh") for units in UNITS), nn.Dense(10, "softmax")],
        seed=options.seed,
    )
    schedule = nn.schedules.ExponentialDecay(RATE, an_epoch, 0.997)
    optimizer = nn.optim.SGD(schedule, momentum=0.9, nesterov=True)
    model.compile("categorical_crossentropy", optimizer, metrics=["accuracy"])
    settings = {"epochs": options.epochs, "batch_size": BATCH_SIZE, "augment": DISTORTIONS}
    train_and_test(model, (x, y), test, **settings)


if __name__ == "__main__":
    main()
