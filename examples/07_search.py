"""Beyond one machine: searches over networks' settings on a cluster of Dask's.

python examples/07_search.py                           # workers on this machine
python examples/07_search.py --cluster tcp://host:8786 # a scheduler that is there already

Needs pip install dask distributed.
"""

import contextlib
import time
from collections.abc import Iterator

import joblib
from _options import count, new_parser
from dask.distributed import Client, LocalCluster
from sklearn.datasets import load_digits
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV

from nnaccel.estimators import MLPClassifier


def main() -> None:
    """Search on the workers, and then in this process, and compare who wins."""
    parser = new_parser(__doc__)
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
            found = [search(kind, x, y) for kind in searches(network, grid)]
    alone = [search(kind, x, y) for kind in searches(network, grid)]
    for here, there in zip(alone, found, strict=True):
        print("the same winner" if here == there else f"in this process another one: {here}")


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


def searches(network: MLPClassifier, grid: dict) -> list:
    """Return one that tries all settings on all rows, and one that gives more to the best half."""
    halving = HalvingGridSearchCV(network, grid, cv=3, factor=2, random_state=0)
    return [GridSearchCV(network, grid, cv=3), halving]


def search(kind: GridSearchCV | HalvingGridSearchCV, x: object, y: object) -> dict:
    """Return the best settings, and print how good they are and how long it took."""
    start = time.perf_counter()
    found = kind.fit(x, y)
    seconds, name = time.perf_counter() - start, type(kind).__name__
    print(f"{name}: {found.best_params_}: {found.best_score_:.1%} right, {seconds:.1f} s")
    return found.best_params_


if __name__ == "__main__":
    main()
