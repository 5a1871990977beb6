"""
A sigmoid, a softmax: logistic regression
=========================================

The second rung: least squares' gradient with a sigmoid before it, and then with a softmax.
"""

import time
import warnings

import numpy as np
from sklearn.datasets import load_iris

from nnaccel import ops, plot
from nnaccel.estimators import LogisticRegression, SoftmaxRegression

STEPS = 300_000  # at most, of the descent in compiled code

iris = load_iris()
names = np.array(["setosa", "versicolor", "virginica"])[iris.target]
chosen = names != "setosa"
# Sepal and petal length in centimetres, over the longest: descent likes them up to 1.
longest = 7.9
x, y = iris.data[chosen][:, [0, 2]] / longest, names[chosen]

# %%
# Maximum likelihood by Newton's method
# -------------------------------------
# A few steps, each of which solves for everything.

newton = LogisticRegression().fit(x, y)
print(newton.summary([f"sepal / {longest} cm", f"petal / {longest} cm"], target="species"))

# %%
# Lengths are in units of 7.9 cm. For each centimetre, as on the axes of the picture below, the
# log-odds grow by:

sepal, petal = newton.coef_.ravel() / longest
print(f"{sepal:.3f} (sepal), {petal:.3f} (petal)")

# %%
# Gradient descent
# ----------------
# Many steps, each of which only looks where down is. The gradient is that of least squares, with a
# sigmoid around the prediction.

design, is_virginica = np.column_stack([np.ones(len(x)), x]), (y == "virginica")[:, None]
coefficients = np.ones((3, 1))
for _ in range(1000):
    errors = ops.sigmoid(design @ coefficients) - is_virginica
    coefficients = coefficients - 5 * design.T @ errors / len(x)
print("by hand, 1,000 steps:", *coefficients.ravel().round(3))

# %%
# As many steps as it takes, in compiled code:

descent = LogisticRegression("gd", learning_rate=5, max_iter=STEPS, tol=1e-12)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # that more steps would come closer still
    start = time.perf_counter()
    descent.fit(x, y, coef_init=1, intercept_init=1)
    seconds = time.perf_counter() - start
for name, model in (("Newton", newton), ("descent", descent)):
    found = np.append(model.intercept_, model.coef_).round(5)
    likelihood = model.log_likelihood(x, y)
    print(f"{name}, {model.n_iter_:,} steps:", *found, f"log-likelihood {likelihood:.5f}")
print(f"the descent took {seconds:.2f} s")

# %%
# Any number of classes
# ---------------------
# A column of coefficients for each, and a softmax for the sigmoid.

softmax = SoftmaxRegression(penalty="l2").fit(iris.data, names)
print(f"three species by softmax: {softmax.score(iris.data, names):.1%} right")

# %%
# The boundary lies where both species are as probable.

figure = plot.decision_boundary(
    lambda points: newton.predict_proba(points / longest)[:, 1],
    x * longest,
    y,
    xlabel="sepal length (cm)",
    ylabel="petal length (cm)",
    title=f"Logistic regression: {newton.score(x, y):.0%} right",
)
plot.save(figure, "logistic_regression.png")
figure
