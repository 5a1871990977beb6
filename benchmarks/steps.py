"""Training steps of small networks on one thread against PyTorch's and JAX's, in CPU time.

The time of a step is that of a training over its steps: shuffling, gathering the batch and adding
up the loss count, and so does all that a call of `fit` does. Before any timing both train an epoch
without dropout, in one order and from the same weights: losses agree to 1e-3. JAX runs an
epoch as one jitted scan. Writes results/steps.json.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import _pairs
import _results
import numpy as np

from nnaccel import layers
from nnaccel.model.sequential import Sequential
from nnaccel.optim import SGD

Run = Callable[[], Any]
Epoch = Callable[[bool], float]  # shuffled or not, it returns the mean loss
RATE = 0.01
BURST = 0.05  # seconds of a turn


class Network(NamedTuple):
    """Widths of a network, its activation and dropout; rows of a batch and an epoch; epochs."""

    sizes: tuple[int, ...]
    activation: str
    dropout: float
    batch: int
    rows: int
    epochs: int

    @property
    def is_regression(self) -> bool:
        """Whether it learns numbers, by their squared errors; else classes."""
        return self.sizes[-1] < 10

    @property
    def steps(self) -> int:
        """Steps of a training."""
        return self.epochs * self.rows // self.batch


NETWORKS = [
    Network((24, 8, 2), "tanh", 0.2, 200, 20_000, 5),
    Network((20, 64, 64, 1), "relu", 0.0, 32, 3_200, 5),
    Network((784, 100, 10), "relu", 0.0, 10, 100, 1),
    Network((784, 100, 10), "relu", 0.0, 128, 12_800, 1),
    Network((784, 100, 10), "gelu", 0.0, 128, 12_800, 1),
    Network((784, 512, 10), "relu", 0.0, 128, 6_400, 1),
    Network((784, 100, 10), "relu", 0.0, 8192, 32_768, 1),
    Network((784, 2048, 2048, 10), "relu", 0.0, 256, 1_280, 1),
]


def draw(network: Network) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and targets."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((network.rows, network.sizes[0]), np.float32)
    if network.is_regression:
        return x, rng.standard_normal((network.rows, network.sizes[-1]), np.float32)
    return x, rng.integers(0, network.sizes[-1], network.rows)


def ours(network: Network) -> Sequential:
    """Return the network in nnaccel, built and compiled."""
    hidden: list[Any] = []
    for units in network.sizes[1:-1]:
        hidden.append(layers.Dense(units, network.activation))
        hidden += [layers.Dropout(network.dropout)] * bool(network.dropout)
    ending = "linear" if network.is_regression else "softmax"
    model = Sequential([*hidden, layers.Dense(network.sizes[-1], ending)], seed=0)
    model.build((network.sizes[0],))
    loss = "mse" if network.is_regression else "categorical_crossentropy"
    model.compile(loss, SGD(RATE))
    return model


def theirs(network: Network, x: np.ndarray, y: np.ndarray) -> Epoch:
    """Return an epoch in PyTorch, shuffled or not, that returns the mean loss."""
    import torch
    from torch import nn

    dense = [layer for layer in ours(network).layers if layer.params]
    modules: list[Any] = []
    for (units, following), layer in zip(pairwise(network.sizes), dense, strict=True):
        linear = nn.Linear(units, following)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(layer.params["w"].T))
            linear.bias.copy_(torch.from_numpy(layer.params["b"]))
        kinds = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU}
        modules += [linear, kinds[network.activation]()]
        modules += [nn.Dropout(network.dropout)] * bool(network.dropout)
    model = nn.Sequential(*modules[: -2 if network.dropout else -1])
    criterion = nn.MSELoss() if network.is_regression else nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    inputs, targets = torch.from_numpy(x), torch.from_numpy(y)

    def epoch(shuffle: bool) -> float:
        order = torch.randperm(len(inputs)) if shuffle else torch.arange(len(inputs))
        total = 0.0
        for rows in order.split(network.batch):
            optimizer.zero_grad()
            loss = criterion(model(inputs.index_select(0, rows)), targets.index_select(0, rows))
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        return total / len(inputs)

    return epoch


def scanned(network: Network, x: np.ndarray, y: np.ndarray) -> Epoch:
    """`theirs` in JAX, where an epoch is one jitted scan; without dropout."""
    import jax
    from jax import numpy as jnp

    weights = [[layer.params["w"], layer.params["b"]] for layer in ours(network).layers]
    params = jax.tree.map(jnp.array, weights)
    activate = {"relu": jax.nn.relu, "gelu": lambda x: jax.nn.gelu(x, approximate=False)}
    inputs, targets = jnp.asarray(x), jnp.asarray(y)

    def mean_loss(params: Any, x: Any, y: Any) -> Any:
        for w, b in params[:-1]:
            x = activate[network.activation](x @ w + b)
        w, b = params[-1]
        if network.is_regression:
            return ((x @ w + b - y) ** 2).mean()
        return -jnp.take_along_axis(jax.nn.log_softmax(x @ w + b), y[:, None], axis=1).mean()

    def step(params: Any, rows: Any) -> Any:
        loss, slopes = jax.value_and_grad(mean_loss)(params, inputs[rows], targets[rows])
        return jax.tree.map(lambda p, slope: p - RATE * slope, params, slopes), loss

    scan = jax.jit(lambda params, batches: jax.lax.scan(step, params, batches))

    def epoch(shuffle: bool) -> float:
        nonlocal params
        order = np.random.permutation(len(x)) if shuffle else np.arange(len(x))
        params, losses = scan(params, order.astype(np.int32).reshape(-1, network.batch))
        return float(losses.mean())

    return epoch


def contestants(network: Network, peer: Callable[..., Epoch]) -> dict[str, Run]:
    """Return an epoch of nnaccel and of a peer, after a comparison of their losses."""
    x, y = draw(network)
    plain = network._replace(dropout=0.0)
    found = ours(plain).fit(x, y, batch_size=network.batch, shuffle=False, verbose=0)
    wanted = peer(plain, x, y)(False)
    np.testing.assert_allclose(found.history["loss"][0], wanted, rtol=1e-3)
    model, epoch = ours(network), peer(network, x, y)
    return {
        "nnaccel": lambda: model.fit(
            x, y, epochs=network.epochs, batch_size=network.batch, verbose=0
        ),
        "peer": lambda: [epoch(True) for _ in range(network.epochs)],
    }


def race(repeats: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each network, and another where JAX takes part."""
    for network in NETWORKS:
        name = f"{'-'.join(map(str, network.sizes))}, {network.activation}"
        name += f", dropout {network.dropout}" * bool(network.dropout)
        name += f", batch {network.batch}, {network.steps} steps"
        peers = {"": theirs} if network.dropout else {"": theirs, ", JAX": scanned}
        for beside, peer in peers.items():
            runs = contestants(network, peer)
            yield _pairs.race(
                name + beside, runs, repeats, seconds=BURST, steps=network.steps, width=55
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args().repeats
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])  # JAX has a thread a processor
    _pairs.begin()
    rows = list(race(repeats))
    print(_results.write("steps.json", _results.provenance() | {"rows": rows}))


if __name__ == "__main__":
    main()
