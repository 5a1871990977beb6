"""
Hidden layers: spirals
======================

The third rung: hidden layers bend the boundary, how many units it takes to follow a spiral, and how
few with a way around them.
"""

import warnings
from collections.abc import Callable

import numpy as np

import nnaccel as nn
from nnaccel import plot
from nnaccel.estimators import LogisticRegression, MLPClassifier, NetworkClassifier

HIDDEN = [50, 10, 5, 4, 3, 2, 1]  # numbers of hidden units to try
TRIES = 20  # starts of each network, of which the best counts
EPOCHS = 300  # passes over the points
STARTS = 5  # starts of each network with and without skip connections

Layers = Callable[[int, bool], list[nn.Layer]]

x, y = nn.data.spirals(1000)

# %%
# Backpropagation by hand
# -----------------------
# A hidden layer is a regression whose outputs are the inputs of another one. The errors of the last
# go back through its weights, and each layer's gradient is again its inputs times its errors.

t = y[:, None].astype("float64")
model = nn.Sequential([nn.Dense(3, "sigmoid"), nn.Dense(1, "sigmoid")], seed=0, dtype="float64")
model.build((2,))
w1, b1, w2, b2 = model.get_weights()

hidden = 1 / (1 + np.exp(-(x @ w1 + b1)))
y_hat = 1 / (1 + np.exp(-(hidden @ w2 + b2)))
dz2 = (y_hat - t) / len(x)  # gradient of the mean cross-entropy: prediction minus target
dz1 = (dz2 @ w2.T) * hidden * (1 - hidden)  # the chain rule, one layer down
by_hand = x.T @ dz1, dz1.sum(axis=0), hidden.T @ dz2, dz2.sum(axis=0)

# %%
# The library's own gradients are the same ones:

logits, backward = model.forward(x.astype("float64"), activate=False)
loss, dlogits = nn.ops.sigmoid_cross_entropy(logits, t)
backward(dlogits)
found = [gradient for layer in model.layers for gradient in layer.grads.values()]
gap = max(np.abs(a - b).max() for a, b in zip(by_hand, found, strict=True))
print(f"loss {loss:.4f}; gradients by hand and by the library differ by {gap:.1e}")

# %%
# Fewer and fewer hidden units
# ----------------------------
# Where a descent ends depends on where it begins, so the best of several beginnings counts.


def train(units: int, seed: int) -> MLPClassifier:
    """Return a network of one hidden layer, trained by mini-batch gradient descent."""
    network = MLPClassifier(
        units,
        "logistic",
        alpha=0,
        batch_size=50,
        learning_rate_init=0.1,
        max_iter=EPOCHS,
        n_iter_no_change=100,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that more epochs would come closer still
        return network.fit(x, y)


line = LogisticRegression().fit(x, y)
panels = {f"no hidden layer: {line.score(x, y):.1%}": line.predict_proba}
for units in HIDDEN:
    networks = [train(units, seed) for seed in range(TRIES)]
    best = min(networks, key=lambda network: network.best_loss_)
    print(f"{units:>3} hidden units: {best.score(x, y):.1%} right, loss {best.best_loss_:.3f}")
    panels[f"{units} hidden: {best.score(x, y):.1%}"] = best.predict_proba

# %%
# Each hidden unit is a soft straight edge; the output adds them up.

figure = plot.decision_boundaries(panels, x, y, xlabel="x₁", ylabel="x₂")
plot.save(figure, "spirals.png")
figure

# %%
# A way around
# ------------
# A skip connection hands a layer's input on, past the layer. Beside a few hidden units it gives the
# output the two coordinates too, as R's ``nnet`` does with ``skip = TRUE``. Around each of nine
# layers of five units it adds the input to the output, with not one weight more. Without it errors
# shrink on their way back, since the slope of a sigmoid is 1/4 at most, and the first of ten layers
# hear nothing of them; with it they go around.


def one_layer(units: int, skip: bool) -> list[nn.Layer]:
    """Return a hidden layer, whose inputs may go on beside its outputs."""
    layer = nn.Dense(units, "sigmoid")
    return [nn.Parallel([layer], [], join="concat")] if skip else [layer]


def ten_layers(units: int, skip: bool) -> list[nn.Layer]:
    """Return ten of them, to whose outputs their inputs may be added."""
    first, *others = (nn.Dense(units, "sigmoid") for _ in range(10))
    return [first, *(nn.Residual([layer]) if skip else layer for layer in others)]


def train_layers(build: Layers, units: int, skip: bool, seed: int) -> NetworkClassifier:
    """Return a network of the layers that a function makes, trained like those above."""
    network = NetworkClassifier(
        build,
        units=units,
        skip=skip,
        batch_size=50,
        learning_rate_init=0.03,
        max_iter=EPOCHS,
        n_iter_no_change=EPOCHS,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return network.fit(x, y)


shallow = [(one_layer, 2, "2 units"), (one_layer, 3, "3 units"), (one_layer, 4, "4 units")]
panels = {}
for skip in (False, True):
    for build, units, name in [*shallow, (ten_layers, 5, "10 layers")]:
        starts = [train_layers(build, units, skip, seed) for seed in range(STARTS)]
        best = min(starts, key=lambda network: network.loss_curve_[-1])
        way = " + skip" if skip else ""
        print(f"{name}{way}: {best.score(x, y):.1%} right, loss {best.loss_curve_[-1]:.4f}")
        panels[f"{name}{way}: {best.score(x, y):.1%}"] = best.predict_proba

# %%
# The same units, without a way around them and below with one:

figure = plot.decision_boundaries(panels, x, y, xlabel="x₁", ylabel="x₂")
plot.save(figure, "skips.png")
figure
