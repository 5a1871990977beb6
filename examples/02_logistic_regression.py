"""The second rung: least squares' gradient with a sigmoid before it, and then with a softmax.

python examples/02_logistic_regression.py
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
from _options import count, png
from sklearn.datasets import load_iris

from nnaccel import ops, plot
from nnaccel.estimators import LogisticRegression, SoftmaxRegression

#: The longest sepal of iris, in centimetres.
LONGEST = 7.9


def main() -> None:
    """Tell two species of iris apart, then three, and draw the boundary."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--steps", type=count, default=300_000, help="most steps of the descent in compiled code"
    )
    parser.add_argument(
        "--picture", type=png, default=Path("02_logistic_regression.png"), help="PNG to draw in"
    )
    options = parser.parse_args()

    iris = load_iris()
    names = np.array(["setosa", "versicolor", "virginica"])[iris.target]
    chosen = names != "setosa"
    # Sepal and petal length in centimetres, over the longest: descent likes them up to 1.
    x, y = iris.data[chosen][:, [0, 2]] / LONGEST, names[chosen]

    # Maximum likelihood by Newton's method: a few steps, each of which solves for everything.
    newton = LogisticRegression().fit(x, y)
    print(newton.summary([f"sepal / {LONGEST} cm", f"petal / {LONGEST} cm"], target="species"))
    sepal, petal = newton.coef_.ravel() / LONGEST
    print(
        f"Lengths are in units of {LONGEST} cm; for each centimetre, as on the picture's axes,\n"
        f"the log-odds grow by {sepal:.3f} (sepal) and {petal:.3f} (petal).\n"
    )

    # Gradient descent: many steps, each of which only looks where down is. The gradient is that of
    # least squares, with a sigmoid around the prediction.
    design, is_virginica = np.column_stack([np.ones(len(x)), x]), (y == "virginica")[:, None]
    coefficients = np.ones((3, 1))
    for _ in range(1000):
        errors = ops.sigmoid(design @ coefficients) - is_virginica
        coefficients = coefficients - 5 * design.T @ errors / len(x)
    print("by hand, 1,000 steps:", *coefficients.ravel().round(3))

    # As many steps as it takes, in compiled code.
    descent = LogisticRegression("gd", learning_rate=5, max_iter=options.steps, tol=1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that more steps would come closer still
        start = time.perf_counter()
        descent.fit(x, y, coef_init=1, intercept_init=1)
        seconds = time.perf_counter() - start
    for name, model in (("Newton", newton), ("descent", descent)):
        found = np.append(model.intercept_, model.coef_)
        print(
            f"{name}, {model.n_iter_:,} steps:", *found.round(5),
            f"log-likelihood {model.log_likelihood(x, y):.5f}",
        )  # fmt: skip
    print(f"the descent took {seconds:.2f} s")

    # Any number of classes: a column of coefficients for each, a softmax for the sigmoid.
    softmax = SoftmaxRegression(penalty="l2").fit(iris.data, names)
    print(f"three species by softmax: {softmax.score(iris.data, names):.1%} right")

    figure = plot.decision_boundary(
        lambda points: newton.predict_proba(points / LONGEST)[:, 1],
        x * LONGEST,
        y,
        xlabel="sepal length (cm)",
        ylabel="petal length (cm)",
        title=f"Logistic regression: {newton.score(x, y):.0%} right",
    )
    plot.save(figure, options.picture)
    print(f"drawn in {options.picture}")


if __name__ == "__main__":
    main()
