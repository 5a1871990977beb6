"""
Convolutions: filters
=====================

The fifth rung: filters made by hand, filters that are learnt, and what they see.
"""

import numpy as np
from sklearn.datasets import load_sample_image
from sklearn.pipeline import make_pipeline

import nnaccel as nn
from nnaccel import plot
from nnaccel.estimators import SoftmaxRegression

EPOCHS = 10  # passes over the training data; 3 are enough for MNIST

# %%
# By hand
# -------
# A filter is a small table of weights that slides over an image: at each place it gives the sum of
# what lies under it, times the weights. Some have been known for long.

photograph = load_sample_image("china.jpg").mean(axis=2)
names = list(nn.filters.FILTERS)
by_hand = nn.filters.apply(photograph, np.stack([nn.filters.named(name) for name in names]))
print(f"{len(names)} filters over {photograph.shape}: maps of {by_hand.shape[1:]}")

figure = plot.feature_maps(by_hand, names, "Filters made by hand, over a photograph")
plot.save(figure, "filters_by_hand.png")
figure

# %%
# Learnt
# ------
# A convolutional network finds its own, here from the digits 0 to 4 only.

(x, y), (x_test, y_test) = nn.data.digits()  # or nn.data.mnist(), which is downloaded once
model = nn.Sequential(
    [
        nn.Conv2D(16, 3, "relu", padding="same"),
        nn.MaxPool2D(2),
        nn.Conv2D(32, 3, "relu", padding="same"),
        nn.MaxPool2D(2),
        nn.Dense(64, "relu"),
        nn.Dense(5, "softmax"),
    ],
    seed=0,
)
model.compile("categorical_crossentropy", "adam", metrics=["accuracy"])
model.fit(x[y < 5], y[y < 5], epochs=EPOCHS, batch_size=64, verbose=2)
known = y_test < 5
_, accuracy = model.evaluate(x_test[known], y_test[known])
print(f"digits 0 to 4, which it was trained on: {accuracy:.1%} right")

# %%
# The filters of the first layer, blue where a weight is negative, red where it is positive:

figure = plot.filter_weights(nn.filters.layer_filters(model, 0), title="Filters learnt from digits")
plot.save(figure, "filters_learnt.png")
figure

# %%
# What they see in a digit:

figure = plot.feature_maps(nn.filters.feature_maps(model, 0, x_test[0]))
plot.save(figure, "feature_maps.png")
figure

# %%
# For other digits
# ----------------
# Without its last two layers the network is a generator of features. They were made for 0 to 4; yet
# a softmax regression on them learns 5 to 9 from 200 examples better than one on pixels does.

few = np.flatnonzero(y >= 5)[:200]
for name, generator in (("pixels", nn.Sequential([nn.Flatten()])), ("features", model[:-2])):
    head = make_pipeline(generator, SoftmaxRegression(penalty="l2"))
    score = head.fit(x[few], y[few]).score(x_test[~known], y_test[~known])
    print(f"digits 5 to 9, from 200 examples, regression on {name}: {score:.1%} right")
