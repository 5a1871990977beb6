"""Predictions: the recorded forward pass of a model, batch by batch."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from nnaccel.backends import Array, to_numpy
from nnaccel.model.recorded_pass import find_recorded, recorded
from nnaccel.network.chain import Network
from nnaccel.training.batch_loader import BatchLoader
from nnaccel.training.inputs import build_or_check, take_inputs
from nnaccel.training.streams import as_iterable, is_stream


def predict(network: Network, x: Any, batch_size: int | None = None) -> np.ndarray:
    """Return the outputs for inputs, `batch_size` rows at a time, or for an iterable of batches."""
    outputs = _at_once(network, x, batch_size) if type(x) is np.ndarray else None
    if outputs is not None:
        return outputs
    if is_stream(x):
        return _in_given_batches(network, x)
    with network.on_backend():
        x = take_inputs(network, x)
        build_or_check(network, x)
        return _in_batches(network, x, batch_size or len(x))


def _at_once(network: Network, x: np.ndarray, batch_size: int | None) -> np.ndarray | None:
    """Return the outputs, if a pass is recorded for inputs like x that needs no other checks.

    The pass finds the largest input itself. None leaves all else, errors among it, to the checks.
    """
    if not (x.flags.c_contiguous and x.flags.aligned):
        return None
    found = find_recorded(network, x)
    if found is None or found.largest is None or found.run.is_running:
        return None
    if len(x) > (batch_size or len(x)):
        return None
    outputs: np.ndarray = found.run([x])
    largest = float(found.largest[0])
    if not largest < math.inf:  # or NaN
        return None
    if network.input_scale.is_watched:
        network.input_scale.compare(x, network.input_shape, 1.0, largest)
    return outputs


def _in_batches(network: Network, x: Array, batch_size: int) -> np.ndarray:
    """Return the outputs for checked inputs."""
    if len(x) <= batch_size:
        run = recorded(network, x)
        if run is not None:
            return run([x])  # type: ignore[no-any-return]
    result = np.empty((len(x), *network.output_shape), network.dtype)
    one_by_one = _in_order(network, x, batch_size)
    for first in range(0, len(x), batch_size):
        batch = x[first : first + batch_size]
        run = recorded(network, batch)
        result[first : first + len(batch)] = one_by_one(first) if run is None else run([batch])
    return result


def _in_given_batches(network: Network, batches: Any) -> np.ndarray:
    """Return the outputs for an iterable of batches x, (x, y) or (x, y, sample_weight)."""
    found: list[np.ndarray] = []
    for number, batch in enumerate(as_iterable(batches, None), 1):
        try:
            found.append(predict(network, _inputs_in(network, batch)))
        except ValueError as error:
            raise ValueError(f"batch {number}: {error}") from None
    if not found:
        raise ValueError("the iterable of batches is empty; a generator runs only once")
    return np.concatenate(found)


def _inputs_in(network: Network, batch: Any) -> Any:
    """Return x of a batch x, (x, y) or (x, y, sample_weight); several inputs are a tuple too."""
    several = network.built and network.takes_several
    if not isinstance(batch, (tuple, list) if several else tuple):
        return batch
    first = batch[0]
    is_bare = several and not (
        isinstance(first, tuple)
        or (isinstance(first, list) and all(hasattr(part, "dtype") for part in first))
    )
    return batch if is_bare else first


def _in_order(network: Network, x: Array, batch_size: int) -> Callable[[int], np.ndarray]:
    """Return a function that returns the outputs for the batch from a row on, called in order."""
    loader: BatchLoader | None = None
    passes: dict[int, tuple[Callable[[int], None], list[Array]]] = {}

    def pass_of(rows: int) -> tuple[Callable[[int], None], list[Array]]:
        outputs: list[Array] = []  # goes before the graph in whose memory it may be

        def step() -> None:
            assert loader is not None
            outputs[:] = network.forward(loader.inputs(rows))[:1]
            network.backend.kernels.advance(loader.cursor)

        return network.backend.record(step), outputs

    def run(first: int) -> np.ndarray:
        nonlocal loader
        loader = loader or BatchLoader(network, x, None, batch_size)
        rows = min(batch_size, len(x) - first)
        if rows not in passes:
            passes[rows] = pass_of(rows)
        loader.load(first // batch_size)
        replay, outputs = passes[rows]
        replay(1)
        return np.asarray(to_numpy(outputs[0]))

    return run
