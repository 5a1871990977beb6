"""The fifth rung: filters made by hand, filters that are learnt, and what they see.

python examples/05_convolution.py
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from _options import add_data_option, count, load, png
from sklearn.datasets import load_sample_image
from sklearn.pipeline import make_pipeline

import nnaccel as nn
from nnaccel import plot
from nnaccel.estimators import SoftmaxRegression


def main() -> None:
    """Filter a photograph; learn filters from digits; use them for digits never seen."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add_data_option(parser)
    parser.add_argument("--epochs", type=count, default=3, help="passes over the training data")
    parser.add_argument(
        "--picture", type=png, default=Path("05_convolution.png"), help="PNG to draw in"
    )
    options = parser.parse_args()

    # A filter is a small table of weights that slides over an image: at each place it gives the
    # sum of what lies under it, times the weights. Some have been known for long.
    photograph = load_sample_image("china.jpg").mean(axis=2)
    names = list(nn.filters.FILTERS)
    by_hand = nn.filters.apply(photograph, np.stack([nn.filters.named(name) for name in names]))
    print(f"{len(names)} filters over {photograph.shape}: maps of {by_hand.shape[1:]}")

    # A convolutional network finds its own, here from the digits 0 to 4 only.
    (x, y), (x_test, y_test) = load(options.data)
    padding = "same" if x.shape[1] < 28 else "valid"
    model = nn.Sequential(
        [
            nn.Conv2D(16, 3, "relu", padding=padding),
            nn.MaxPool2D(2),
            nn.Conv2D(32, 3, "relu", padding=padding),
            nn.MaxPool2D(2),
            nn.Dense(64, "relu"),
            nn.Dense(5, "softmax"),
        ],
        seed=0,
    )
    model.compile("categorical_crossentropy", "adam", metrics=["accuracy"])
    model.fit(x[y < 5], y[y < 5], epochs=options.epochs, batch_size=64, verbose=2)
    known = y_test < 5
    _, accuracy = model.evaluate(x_test[known], y_test[known])
    print(f"digits 0 to 4, which it was trained on: {accuracy:.1%} right")

    # Without its last two layers it is a generator of features. They were made for 0 to 4; yet a
    # softmax regression on them learns 5 to 9 from 200 examples better than one on pixels does.
    few = np.flatnonzero(y >= 5)[:200]
    for name, generator in (("pixels", nn.Sequential([nn.Flatten()])), ("features", model[:-2])):
        head = make_pipeline(generator, SoftmaxRegression(penalty="l2"))
        score = head.fit(x[few], y[few]).score(x_test[~known], y_test[~known])
        print(f"digits 5 to 9, from 200 examples, regression on {name}: {score:.1%} right")

    figure = draw(by_hand, names, model, x_test[0])
    plot.save(figure, options.picture)
    print(f"drawn in {options.picture}")


def draw(by_hand: np.ndarray, names: list[str], model: nn.Sequential, digit: np.ndarray) -> Any:
    """Draw the filtered photograph, the learnt filters, and what they make of a digit."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 8.4), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(3.8, 4.6))
    left, right = below.subfigures(1, 2)
    plot.feature_maps(by_hand, names, "Filters made by hand, over a photograph", above)
    plot.filter_weights(
        nn.filters.layer_filters(model, 0), title="Filters learnt from digits", figure=left
    )
    plot.feature_maps(
        nn.filters.feature_maps(model, 0, digit), title="What they see in a digit", figure=right
    )
    return figure


if __name__ == "__main__":
    main()
