"""The fourth rung: a network that reads handwritten digits, and what it gets wrong.

python examples/04_digits.py
"""

import argparse
from pathlib import Path

from _options import add_data_option, count, load, png

import nnaccel as nn
from nnaccel import plot
from nnaccel.training.metrics.confusion import confusion_counts


def main() -> None:
    """Train by mini-batches, stop when it no longer helps, and draw the training."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add_data_option(parser)
    parser.add_argument("--epochs", type=count, default=30, help="passes over the training data")
    parser.add_argument("--picture", type=png, default=Path("04_digits.png"), help="PNG to draw in")
    options = parser.parse_args()

    (x, y), (x_test, y_test) = load(options.data)

    # An image is a row of grey levels. Ten outputs, one a digit, share a softmax.
    model = nn.Sequential([nn.Dense(100, "relu"), nn.Dropout(0.2), nn.Dense(10, "softmax")], seed=0)
    model.compile("categorical_crossentropy", nn.optim.Adam(1e-3), metrics=["accuracy"])
    history = model.fit(
        x,
        y,
        epochs=options.epochs,
        batch_size=64,
        validation_split=0.1,  # rows that training does not see tell when it begins to memorise
        callbacks=[nn.EarlyStopping("val_loss", patience=3)],
    )
    model.summary()

    predicted = model.predict(x_test).argmax(axis=1)
    print(f"{(predicted == y_test).mean():.2%} of {len(y_test):,} new digits are right")
    counts = confusion_counts(y_test, predicted, classes=10)
    figure = plot.report(history.history, counts, "0123456789", (x_test, y_test, predicted))
    plot.save(figure, options.picture)
    print(f"drawn in {options.picture}")


if __name__ == "__main__":
    main()
