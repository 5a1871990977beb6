"""A residual network of 20 layers for images of 32x32 pixels, as a list of layers within layers.

python examples/resnet.py
"""

import time

from _options import add_data_option, count, load, new_parser

import nnaccel as nn

_SIZE = 32  # pixels that images are padded to, unless they are small ones


def resnet(classes: int, blocks: int = 3, filters: int = 16) -> list[nn.Layer]:
    """Return the layers of He et al. (2015): three stages of residual blocks, 6 * blocks + 2 deep.

    The first block of the second and third stage halves the size and doubles the channels; a
    projection is then made for what goes around it.
    """
    layers = [*convolution(filters), nn.ReLU()]
    for stage in range(3):
        for number in range(blocks):
            width, stride = filters << stage, 2 if stage and not number else 1
            inside = [*convolution(width, stride), nn.ReLU(), *convolution(width)]
            layers += [nn.Residual(inside), nn.ReLU()]
    return [*layers, nn.GlobalAvgPool2D(), nn.Dense(classes, "softmax")]


def convolution(filters: int, stride: int = 1) -> list[nn.Layer]:
    """Return a convolution and its normalisation, whose shift makes a bias superfluous."""
    how = {"stride": stride, "padding": 1, "use_bias": False, "initializer": "he_normal"}
    return [nn.Conv2D(filters, 3, **how), nn.BatchNorm(0.9)]


def main() -> None:
    """Train and say how well it went."""
    parser = new_parser(__doc__)
    parser.add_argument("--epochs", type=count, default=3, help="passes over the training data")
    add_data_option(parser)
    options = parser.parse_args()

    (x, y), (x_test, y_test) = load(options.data)
    margin = (_SIZE - x.shape[1]) // 2 if x.shape[1] > _SIZE // 2 else 0
    batch_size = 64
    steps = options.epochs * -(-len(x) // batch_size)

    model = nn.Sequential([nn.ZeroPad2D(margin), *resnet(10)], seed=0)
    schedule = nn.schedules.CosineDecay(0.1, steps)
    model.compile(
        loss="categorical_crossentropy",
        optimizer=nn.optim.SGD(schedule, momentum=0.9, nesterov=True),
        metrics=["accuracy"],
    )
    start = time.perf_counter()
    model.fit(x, y, epochs=options.epochs, batch_size=batch_size, verbose=2)
    seconds = time.perf_counter() - start
    loss, accuracy = model.evaluate(x_test, y_test)
    print(f"test loss {loss:.4f}, accuracy {accuracy:.2%} after {seconds:.1f} s of training")


if __name__ == "__main__":
    main()
