"""
Mini-batches: handwritten digits
================================

The fourth rung: a network that reads handwritten digits, and what it gets wrong.
"""

import nnaccel as nn
from nnaccel import plot

EPOCHS = 30  # passes over the training data, at most

(x, y), (x_test, y_test) = nn.data.digits()  # or nn.data.mnist(), which is downloaded once

# %%
# The network
# -----------
# An image is a row of grey levels. Ten outputs, one a digit, share a softmax. Each step looks at 64
# images only; rows that training does not see tell when it begins to memorise, and to stop.

model = nn.Sequential([nn.Dense(100, "relu"), nn.Dropout(0.2), nn.Dense(10, "softmax")], seed=0)
model.compile("categorical_crossentropy", nn.optim.Adam(1e-3), metrics=["accuracy"])
history = model.fit(
    x,
    y,
    epochs=EPOCHS,
    batch_size=64,
    validation_split=0.1,
    callbacks=[nn.EarlyStopping("val_loss", patience=3)],
)

# %%
# What came of it:

model.summary()

# %%
# New digits
# ----------

_, accuracy = model.evaluate(x_test, y_test)
print(f"{accuracy:.2%} of {len(y_test):,} new digits are right")

# %%
# The curves of the training:

figure = plot.training_curves(history)
plot.save(figure, "curves.png")
figure

# %%
# Which digits are taken for which:

figure = plot.confusion_matrix(model, x_test, y_test)
plot.save(figure, "confusion.png")
figure

# %%
# Misread digits
# --------------
# Those beside the diagonal, as pictures: each digit, what it is read as, and the probability that
# the network gives that. The first are those of which it is surest.

figure = plot.misread(model, x_test, y_test)
plot.save(figure, "misread.png")
figure
