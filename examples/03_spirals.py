"""The third rung: hidden layers bend the boundary, and how many units it takes to follow a spiral.

python examples/03_spirals.py
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
from _options import count, png

import nnaccel as nn
from nnaccel import plot
from nnaccel.estimators import LogisticRegression, MLPClassifier


def main() -> None:
    """Train networks of fewer and fewer hidden units, and draw their boundaries side by side."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--hidden",
        type=count,
        nargs="+",
        default=[50, 10, 5, 4, 3, 2, 1],
        help="numbers of hidden units to try",
    )
    parser.add_argument(
        "--tries",
        type=count,
        default=20,
        help="starts of each network, of which the best counts",
    )
    parser.add_argument("--epochs", type=count, default=300, help="passes over the training data")
    parser.add_argument(
        "--picture", type=png, default=Path("03_spirals.png"), help="PNG to draw in"
    )
    options = parser.parse_args()

    x, y = nn.data.spirals(1000)
    show_backpropagation(x, y)

    line = LogisticRegression().fit(x, y)
    panels = {f"no hidden layer: {line.score(x, y):.1%}": line.predict_proba}
    for units in options.hidden:
        # Where a descent ends depends on where it begins: the best of several beginnings counts.
        networks = [train(x, y, units, options.epochs, seed) for seed in range(options.tries)]
        best = min(networks, key=lambda network: network.best_loss_)
        print(f"{units:>3} hidden units: {best.score(x, y):.1%} right, loss {best.best_loss_:.3f}")
        panels[f"{units} hidden: {best.score(x, y):.1%}"] = best.predict_proba

    figure = plot.decision_boundaries(panels, x, y, xlabel="x₁", ylabel="x₂")
    plot.save(figure, options.picture)
    print(f"drawn in {options.picture}")


def train(x: np.ndarray, y: np.ndarray, units: int, epochs: int, seed: int) -> MLPClassifier:
    """Return a network of one hidden layer, trained by mini-batch gradient descent."""
    network = MLPClassifier(
        units,
        "logistic",
        alpha=0,
        batch_size=50,
        learning_rate_init=0.1,
        max_iter=epochs,
        n_iter_no_change=100,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that more epochs would come closer still
        return network.fit(x, y)


def show_backpropagation(x: np.ndarray, y: np.ndarray) -> None:
    """Write one backward pass out, and hold its gradients against the library's."""
    t = y[:, None].astype("float64")
    model = nn.Sequential([nn.Dense(3, "sigmoid"), nn.Dense(1, "sigmoid")], seed=0, dtype="float64")
    model.build((2,))
    w1, b1, w2, b2 = model.get_weights()

    hidden = 1 / (1 + np.exp(-(x @ w1 + b1)))
    y_hat = 1 / (1 + np.exp(-(hidden @ w2 + b2)))
    dz2 = (y_hat - t) / len(x)  # gradient of the mean cross-entropy: prediction minus target
    dz1 = (dz2 @ w2.T) * hidden * (1 - hidden)  # the chain rule, one layer down
    by_hand = x.T @ dz1, dz1.sum(axis=0), hidden.T @ dz2, dz2.sum(axis=0)

    logits, backward = model.forward(x.astype("float64"), activate=False)
    loss, dlogits = nn.ops.sigmoid_cross_entropy(logits, t)
    backward(dlogits)
    found = [g for layer in model.layers for g in layer.grads.values()]
    gap = max(np.abs(a - b).max() for a, b in zip(by_hand, found, strict=True))
    print(f"loss {loss:.4f}; gradients by hand and by the library differ by {gap:.1e}")


if __name__ == "__main__":
    main()
