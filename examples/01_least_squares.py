"""
A line: least squares
=====================

The first rung: a line through points, solved in one go and found step by step.
"""

import numpy as np

from nnaccel import plot
from nnaccel.estimators import LinearRegression

STEPS = 200  # of the descent

rng = np.random.default_rng(0)
x = rng.uniform(-5, 5, 100)
y = 3 + x + rng.normal(size=100)

# %%
# The way of statistics
# ---------------------
# The sum of squared errors has one minimum, and its place is the solution of a linear system:
# ``x.T @ x @ b == x.T @ y``. ``summary`` is the table that R prints.

solved = LinearRegression().fit(x[:, None], y)
print(solved.summary(["x"]))

# %%
# The way of neural networks
# --------------------------
# Begin somewhere, and step down the gradient of the error: of the mean of half the squared errors
# it is ``x.T @ (prediction - y) / N``. Everything above this rung learns so.

design = np.column_stack([np.ones_like(x), x])
coefficients = np.array([0.1, 0.1])
lines, losses = [], []
for step in range(STEPS + 1):
    errors = design @ coefficients - y
    losses.append((errors**2).mean() / 2)
    if step in (0, 1, 3, 10, 30, STEPS):
        lines.append((f"step {step}", tuple(coefficients)))
    coefficients = coefficients - 0.1 * design.T @ errors / len(y)

# %%
# The same in one line: every rung has its ``solver="gd"``, which runs in compiled code.

descended = LinearRegression("gd", learning_rate=0.1, max_iter=STEPS, tol=1e-6)
descended.fit(x[:, None], y, coef_init=0.1, intercept_init=0.1)

for name, intercept, slope in (
    ("solved", solved.intercept_, solved.coef_[0]),
    ("by hand", *lines[-1][1]),
    ("solver='gd'", descended.intercept_, descended.coef_[0]),
):
    print(f"{name:>12}: intercept {intercept:.6f}, slope {slope:.6f}")

# %%
# The loss falls by the same factor at each step, so on a logarithmic scale it is a line, down to
# where only rounding is left.

labels, snapshots = zip(*lines, strict=True)
least = ((solved.predict(x[:, None]) - y) ** 2).mean() / 2
figure = plot.regression_line(x, y, snapshots, labels=labels, losses=losses, least=least)
plot.save(figure, "least_squares.png")
figure
