"""Predictions: the recorded forward pass of a model, batch by batch.

What is recorded for a batch's shape is kept with the model, and runs on later batches in place: a
call on one row then costs little more than its products.
"""

from __future__ import annotations

import math
import operator
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from nnaccel.backends import Array, to_numpy
from nnaccel.layers import Layer
from nnaccel.network.chain import Network
from nnaccel.training.batch_loader import BatchLoader
from nnaccel.training.inputs import build_or_check, take_inputs
from nnaccel.training.streams import as_iterable, is_stream

_KEPT = 8  # shapes of batches whose recordings a model keeps
_local = threading.local()  # threads may not share a recording


class _Recording(NamedTuple):
    """A forward pass, and what it was recorded with: it holds as long as that is the same."""

    run: Any  # a relocation of the backend's; None where it has none
    largest: Array | None  # magnitude of the inputs, if they are read as they are given
    pieces: list[Any]


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
    found = _kept(network).get((x.shape, x.dtype, 1.0))
    if found is None or found.largest is None or len(x) > (batch_size or len(x)):
        return None
    if not (x.flags.c_contiguous and x.flags.aligned) or not _holds(found, network):
        return None
    if found.run.is_running:
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


def _recorded(network: Network, x: Array) -> Callable[[list[Array]], Array] | None:
    """Return the pass recorded for batches like x; None where it cannot run on other arrays."""
    backend = network.backend
    if backend.relocate is None or type(x) is not np.ndarray:
        return None
    kept = _kept(network)
    key = x.shape, x.dtype, network.input_scale.checked(x, network.input_shape)
    found = kept.get(key)
    if found is not None and found.run is not None and found.run.is_running:
        return None  # this is the handler of a signal that interrupted it
    if found is None or not _holds(found, network):
        pieces = _pieces(network)
        if not all(_is_ours(piece) for piece in pieces):
            return None  # a layer of one's own may depend on anything, and `times_changed` not tell
        if any(isinstance(p, np.ndarray) and np.may_share_memory(x, p) for p in pieces):
            return None  # an address would not tell which is meant
        if len(kept) >= _KEPT:
            kept.clear()
        largest = np.zeros(1, x.dtype) if x.dtype == network.compute_dtype and x.size else None

        def step() -> Array:
            if largest is not None:
                backend.kernels.largest_magnitude(x.reshape(-1), largest)
            return network.forward(_inputs(network, x))[0]

        run = backend.relocate(step, [x], keeps=True)
        found = kept[key] = _Recording(run, None if run is None else largest, pieces)
    return found.run  # type: ignore[no-any-return]


def _kept(network: Network) -> dict[Any, _Recording]:
    """Return the thread's recordings of a model, by shape, dtype and scale of the inputs."""
    try:
        return _local.recordings[network]  # type: ignore[no-any-return]
    except (AttributeError, KeyError):
        recordings = vars(_local).setdefault("recordings", WeakKeyDictionary())
        return recordings.setdefault(network, {})  # type: ignore[no-any-return]


def _holds(recording: _Recording, network: Network) -> bool:
    """Whether nothing has changed since."""
    now = _pieces(network)
    return len(now) == len(recording.pieces) and all(map(operator.is_, now, recording.pieces))


def _pieces(network: Network) -> list[Any]:
    """What a recording depends on: the backend, the layers, their settings and their arrays."""
    return [network.backend, *_of_layers(network.layers)]


def _of_layers(layers: Sequence[Layer]) -> list[Any]:
    found: list[Any] = []
    for layer in layers:
        found += layer, layer.times_changed, *layer.params.values(), *layer.state.values()
        for branch in layer._branches:
            found += _of_layers(branch)
    return found


def _is_ours(piece: Any) -> bool:
    return not isinstance(piece, Layer) or type(piece).__module__.startswith("nnaccel.")


def _inputs(network: Network, x: Array) -> Array:
    """The inputs of a forward pass: x itself where it is of the right dtype, and not scaled."""
    if x.dtype == network.compute_dtype and x.flags.c_contiguous:
        return x.reshape(len(x), *network.input_shape)
    return BatchLoader(network, x, None, len(x)).inputs(len(x))


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
