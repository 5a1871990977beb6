"""The tutorial's network: 784-100-10, all sigmoid, trained by plain stochastic gradient descent.

Binary cross-entropy, mini-batches of 10, 30 epochs, no regularisation. The tutorial sums the loss
over the ten outputs; here it is their mean, so its learning rate of 3 is 30 here.

    python examples/mnist_sigmoid.py                     the tutorial's learning rate
    python examples/mnist_sigmoid.py --learning-rate 5   a gentler one, which ends higher
"""

import time

from _options import add_data_option, count, load, new_parser, rate

import nnaccel as nn


def main() -> None:
    """Train and say how well it went."""
    parser = new_parser(__doc__)
    parser.add_argument("--learning-rate", type=rate, default=30.0, help="step along the gradient")
    parser.add_argument("--epochs", type=count, default=30, help="passes over the training data")
    add_data_option(parser)
    options = parser.parse_args()

    (x, y), (x_test, y_test) = load(options.data)

    # "tutorial" draws weights from a Gaussian divided by the root of the number of inputs.
    model = nn.Sequential(
        [
            nn.Dense(100, "sigmoid", initializer="tutorial"),
            nn.Dense(10, "sigmoid", initializer="tutorial"),
        ],
        seed=0,
    )
    model.compile(
        loss="binary_crossentropy",
        optimizer=nn.optim.SGD(options.learning_rate),
        metrics=["accuracy"],
    )

    start = time.perf_counter()
    model.fit(x, y, epochs=options.epochs, batch_size=10, validation_data=(x_test, y_test))
    loss, accuracy = model.evaluate(x_test, y_test)
    print(
        f"test loss {loss:.4f}, accuracy {accuracy:.2%} after {time.perf_counter() - start:.1f} s"
    )


if __name__ == "__main__":
    main()
