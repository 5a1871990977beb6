"""Estimators on one thread, in CPU time, against scikit-learn's: regressions, and predictions.

The contestants take short turns in one process; a ratio is the median over turns, above 1 where
nnaccel is faster. Coefficients agree to 1e-4 before any timing. Writes results/estimators.json.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from typing import Any

import _results
import numpy as np
import sklearn.linear_model as theirs
import sklearn.neural_network as their_networks

from nnaccel import estimators as ours
from nnaccel.backends import set_backend
from nnaccel.bench.timing import take_short_turns, use_cpu_time

Run = Callable[[], Any]
BURST = 0.05  # seconds of a turn


def draw(rows: int, features: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs, and numbers that depend on them linearly with noise."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, features))
    return x, x @ rng.normal(size=features) / features**0.5 + rng.normal(size=rows)


def regressions() -> Iterator[tuple[str, Run, Run]]:
    for rows, features in ((5_000, 500), (1_000_000, 20)):
        x, y = draw(rows, features)
        yield (
            f"LinearRegression, {rows} x {features}",
            lambda x=x, y=y: ours.LinearRegression().fit(x, y).coef_,
            lambda x=x, y=y: theirs.LinearRegression().fit(x, y).coef_,
        )
    for rows, features in ((20_000, 300), (200_000, 30)):
        x, y = draw(rows, features)
        for name, penalty, c in (("no penalty", None, np.inf), ("l2", "l2", 1.0)):
            mine = ours.LogisticRegression(penalty=penalty)
            other = theirs.LogisticRegression(C=c, solver="newton-cholesky", tol=1e-8)
            yield (
                f"LogisticRegression, {rows} x {features}, {name}",
                lambda m=mine, x=x, y=y: m.fit(x, y > 0).coef_,
                lambda m=other, x=x, y=y: m.fit(x, y > 0).coef_,
            )


def one_row() -> Iterator[tuple[str, Run, Run]]:
    x, y = draw(500, 20)
    for kind, t in (("MLPClassifier", y > 0), ("MLPRegressor", y)):
        settings: dict[str, Any] = {"max_iter": 2000, "random_state": 0}
        mine = getattr(ours, kind)(**settings).fit(x, t)
        other = getattr(their_networks, kind)(**settings).fit(x, t)
        row = x[:1]
        yield (
            f"{kind}.predict, one row",
            lambda m=mine, r=row: m.predict(r),
            lambda m=other, r=row: m.predict(r),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    repeats = parser.parse_args().repeats
    use_cpu_time()
    set_backend("numba")
    found = []
    for rows in (regressions, one_row):
        for name, mine, other in rows():
            if rows is regressions:
                np.testing.assert_allclose(mine().ravel(), other().ravel(), rtol=1e-4, atol=1e-4)
            runs = {"nnaccel": mine, "scikit-learn": other}
            turns = take_short_turns(runs, repeats, seconds=BURST, pause=0, title=f"{name}: ")
            ratio = float(np.median(np.divide(turns["scikit-learn"], turns["nnaccel"])))
            ms = [1e3 * float(np.median(turns[who])) for who in runs]
            found.append({"name": name, "nnaccel_ms": ms[0], "peer_ms": ms[1], "ratio": ratio})
            print(f"{name:45} {ms[0]:9.3f} ms {ms[1]:9.3f} ms {ratio:6.2f}", flush=True)
    print(_results.write("estimators.json", _results.provenance() | {"rows": found}))


if __name__ == "__main__":
    main()
