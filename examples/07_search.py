"""Beyond one machine: a search over networks' settings on a cluster of Dask's.

python examples/07_search.py                           # workers on this machine
python examples/07_search.py --cluster tcp://host:8786 # a scheduler that is there already

Needs pip install dask distributed.
"""

import argparse
import contextlib
import time
from collections.abc import Iterator

import joblib
from _options import count
from dask.distributed import Client, LocalCluster
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from nnaccel.estimators import MLPClassifier


def main() -> None:
    """Search on the workers, and then in this process, and compare who wins."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--workers", type=count, default=2, help="processes on this machine")
    parser.add_argument("--cluster", help="address of a scheduler, instead of workers here")
    parser.add_argument("--epochs", type=count, default=200, help="most passes over the data")
    parser.add_argument("--rows", type=count, default=1797, help="digits to learn from")
    options = parser.parse_args()

    x, y = load_digits(return_X_y=True)
    x, y = x[: options.rows] / 16, y[: options.rows]
    patience = {"tol": 0.01, "n_iter_no_change": 3}
    network = MLPClassifier(learning_rate_init=0.01, random_state=0, **patience)
    network.set_params(max_iter=options.epochs)
    grid = {"hidden_layer_sizes": [(8,), (64,)], "alpha": [1e-4, 1e-1]}

    with connect(options.cluster, options.workers) as client:
        print(f"{len(client.scheduler_info()['workers'])} workers")
        with joblib.parallel_backend("dask"):
            found = search(network, grid, x, y)
    alone = search(network, grid, x, y)
    print("the same winner" if found == alone else f"in this process another one: {alone}")


@contextlib.contextmanager
def connect(address: str | None, workers: int) -> Iterator[Client]:
    """Give a client of a scheduler, or of workers of one thread each that are started for it.

    A worker's networks have as many threads as Dask gives it: it says so in OMP_NUM_THREADS.
    """
    if address is not None:
        with Client(address) as client:
            yield client
        return
    one_each = {"threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(n_workers=workers, **one_each) as cluster, Client(cluster) as client:
        yield client


def search(network: MLPClassifier, grid: dict, x: object, y: object) -> dict:
    """Return the best settings, and print how good they are and how long it took."""
    start = time.perf_counter()
    found = GridSearchCV(network, grid, cv=3, n_jobs=None).fit(x, y)
    seconds = time.perf_counter() - start
    print(f"{found.best_params_}: {found.best_score_:.1%} right, {seconds:.1f} s")
    return found.best_params_


if __name__ == "__main__":
    main()
