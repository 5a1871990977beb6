"""The first rung: a line through points, solved in one go and found step by step.

python examples/01_least_squares.py
"""

import argparse
import csv
import os
from pathlib import Path

import numpy as np
from _options import count, png

from nnaccel import plot
from nnaccel.estimators import LinearRegression


def main() -> None:
    """Fit the line twice, compare, and draw how the second way got there."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--steps", type=count, default=200, help="steps of the descent")
    parser.add_argument(
        "--picture", type=png, default=Path("01_least_squares.png"), help="PNG to draw in"
    )
    options = parser.parse_args()

    x, y = load_sample()

    # The way of statistics: solve for the coefficients. `summary` is the table that R prints.
    solved = LinearRegression().fit(x[:, None], y)
    print(solved.summary(["x"]), "\n")

    # The way of neural networks: begin somewhere, and step down the gradient of the error.
    design = np.column_stack([np.ones_like(x), x])
    coefficients = np.array([0.1, 0.1])
    lines, losses = [], []
    for step in range(options.steps + 1):
        errors = design @ coefficients - y
        losses.append((errors**2).mean() / 2)
        if step in (0, 1, 3, 10, 30, options.steps):
            lines.append((f"step {step}", tuple(coefficients)))
        coefficients = coefficients - 0.1 * design.T @ errors / len(y)

    # The same in one line; every rung has its `solver="gd"`, which runs in compiled code.
    descended = LinearRegression("gd", learning_rate=0.1, max_iter=options.steps, tol=1e-6)
    descended.fit(x[:, None], y, coef_init=0.1, intercept_init=0.1)

    for name, intercept, slope in (
        ("solved", solved.intercept_, solved.coef_[0]),
        ("by hand", *lines[-1][1]),
        ("solver='gd'", descended.intercept_, descended.coef_[0]),
    ):
        print(f"{name:>12}: intercept {intercept:.6f}, slope {slope:.6f}")

    labels, snapshots = zip(*lines, strict=True)
    least = ((solved.predict(x[:, None]) - y) ** 2).mean() / 2
    figure = plot.regression_line(x, y, snapshots, labels=labels, losses=losses, least=least)
    plot.save(figure, options.picture)
    print(f"drawn in {options.picture}")


def load_sample() -> tuple[np.ndarray, np.ndarray]:
    """Return 100 points about the line y = 3 + x: the tutorial's, if NNACCEL_DATA has them."""
    path = Path(os.environ.get("NNACCEL_DATA", ".")) / "height_wages.csv"
    if path.is_file():
        with path.open() as file:
            rows = np.array([[float(row["x"]), float(row["y"])] for row in csv.DictReader(file)])
        return rows[:, 0], rows[:, 1]
    rng = np.random.default_rng(0)
    x = rng.uniform(-5, 5, 100)
    return x, 3 + x + rng.normal(size=100)


if __name__ == "__main__":
    main()
