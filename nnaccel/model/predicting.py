"""Predictions: the recorded forward pass of a model, batch by batch.

What is recorded for a batch's shape is kept with the model, and runs on later batches in place: a
call on one row then costs little more than its products.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from nnaccel.backends import Array, to_numpy
from nnaccel.layers import Layer
from nnaccel.network.chain import Network
from nnaccel.training.batch_loader import BatchLoader
from nnaccel.training.inputs import build_or_check, check_inputs
from nnaccel.training.streams import as_iterable

_KEPT = 8  # shapes of batches whose recordings a model keeps
_local = threading.local()  # threads may not share a recording


class _Recording(NamedTuple):
    """A forward pass, and what it was recorded with: it holds as long as these are the same."""

    run: Any  # a relocation of the backend's; None where it has none
    layers: list[Layer]
    arrays: list[Array]
    changes: list[int]


def predict(network: Network, x: Any, batch_size: int | None = None) -> np.ndarray:
    """Return the outputs for inputs, `batch_size` rows at a time, or all at once."""
    x = check_inputs(x, network.compute_dtype)
    build_or_check(network, x)
    batch_size = batch_size or len(x)
    if len(x) <= batch_size:
        run = _recorded(network, x)
        if run is not None:
            return run([x])  # type: ignore[no-any-return]
    result = np.empty((len(x), *network.output_shape), network.dtype)
    one_by_one = _in_order(network, x, batch_size)
    for first in range(0, len(x), batch_size):
        batch = x[first : first + batch_size]
        run = _recorded(network, batch)
        result[first : first + len(batch)] = one_by_one(first) if run is None else run([batch])
    return result


def predict_stream(network: Network, batches: Any) -> np.ndarray:
    """Return the outputs for an iterable of batches x, (x, y) or (x, y, sample_weight)."""
    found: list[np.ndarray] = []
    for number, batch in enumerate(as_iterable(batches, None), 1):
        try:
            found.append(predict(network, batch[0] if isinstance(batch, tuple) else batch))
        except ValueError as error:
            raise ValueError(f"batch {number}: {error}") from None
    if not found:
        raise ValueError("the iterable of batches is empty; a generator runs only once")
    return np.concatenate(found)


def _recorded(network: Network, x: Array) -> Callable[[list[Array]], Array] | None:
    """Return the pass recorded for batches like x; None where it cannot run on other arrays."""
    backend = network.backend
    if backend.relocate is None or type(x) is not np.ndarray:
        return None
    layers = [*network.layers, *network.leaves]
    if not all(type(layer).__module__.startswith("nnaccel.") for layer in layers):
        return None  # a layer of one's own may depend on anything, and `times_changed` not tell
    if not hasattr(_local, "recordings"):
        _local.recordings = WeakKeyDictionary()
    kept: dict[Any, _Recording] = _local.recordings.setdefault(network, {})
    key = x.shape, x.dtype, network.input_scale.checked(x, network.input_shape)
    stores = (store for layer in network.leaves for store in (layer.params, layer.state))
    arrays = [a for store in stores for a in store.values()]
    changes = [layer.times_changed for layer in layers]
    found = kept.get(key)
    if found is not None and found.run is not None and found.run.is_running:
        return None  # this is the handler of a signal that interrupted it
    if (
        found is None
        or found.changes != changes
        or not _are_same(found.layers, layers)
        or not _are_same(found.arrays, arrays)
    ):
        if any(np.may_share_memory(x, a) for a in arrays):
            return None  # an address would not tell which is meant
        if len(kept) >= _KEPT:
            kept.clear()

        def step() -> Array:
            return network.forward(_inputs(network, x))[0]

        run = backend.relocate(step, [x], keeps=True)
        found = kept[key] = _Recording(run, layers, arrays, changes)
    return found.run  # type: ignore[no-any-return]


def _inputs(network: Network, x: Array) -> Array:
    """The inputs of a forward pass: x itself where it is of the right dtype, and not scaled."""
    if x.dtype == network.compute_dtype and x.flags.c_contiguous:
        return x.reshape(len(x), *network.input_shape)
    return BatchLoader(network, x, None, len(x)).inputs(len(x))


def _are_same(ours: list[Any], theirs: list[Any]) -> bool:
    return len(ours) == len(theirs) and all(a is b for a, b in zip(ours, theirs, strict=True))


def _in_order(network: Network, x: Array, batch_size: int) -> Callable[[int], np.ndarray]:
    """Return a function that returns the outputs for the batch from a row on, called in order."""
    loader: BatchLoader | None = None
    replays: dict[int, Callable[[int], None]] = {}
    outputs: dict[int, Array] = {}

    def replay_of(rows: int) -> Callable[[int], None]:
        def step() -> None:
            assert loader is not None
            outputs[rows], _ = network.forward(loader.inputs(rows))
            network.backend.kernels.advance(loader.cursor)

        return network.backend.record(step)

    def run(first: int) -> np.ndarray:
        nonlocal loader
        loader = loader or BatchLoader(network, x, None, batch_size)
        rows = min(batch_size, len(x) - first)
        if rows not in replays:
            replays[rows] = replay_of(rows)
        loader.load(first // batch_size)
        replays[rows](1)
        return np.asarray(to_numpy(outputs[rows]))

    return run
