"""Forward passes that are recorded once for a batch's shape, and run on later batches in place.

They are kept with the model: a call on one row then costs little more than its products.
"""

from __future__ import annotations

import math
import operator
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, pairwise
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from nnaccel import _config
from nnaccel.backends import Array
from nnaccel.layers import Layer
from nnaccel.layers._tree import leaves, walk
from nnaccel.network.chain import Network
from nnaccel.training.batch_loader import BatchLoader

_KEPT = 8  # shapes of batches whose recordings a model keeps
_BYTES = 4 << 20  # of the largest output of a layer, in the share of the caches of a thread
_LEAST_ROWS = 32  # of a part: enough to fill the tiles of kernels
_local = threading.local()  # threads may not share a recording
_times_changed = operator.attrgetter("times_changed")


class Recording(NamedTuple):
    """A forward pass, and what it was recorded with: it holds as long as that is the same."""

    run: Any  # a relocation of the backend's; None where it has none
    largest: Array | None  # magnitude of the inputs, if they are read as they are given
    backend: Any
    layers: list[Layer]
    all_layers: list[Layer]
    times_changed: list[int]
    holders: list[dict[str, Array]]
    arrays: list[Array]

    def holds(self, network: Network) -> bool:
        """Whether nothing has changed since."""
        return (
            network.backend is self.backend
            and network.layers == self.layers
            and [*map(_times_changed, self.all_layers)] == self.times_changed
            and sum(map(len, self.holders)) == len(self.arrays)
            and all(map(operator.is_, _values(self.holders), self.arrays))
        )


class InParts:
    """A recorded pass over a batch, part by part: what lies between layers stays in the caches.

    Parameters
    ----------
    look : relocation
        Finds the largest input.
    parts : list of (int, int, relocation)
        First row, last row, and the pass for that number of rows.
    shape : tuple of int
        Of the outputs.
    dtype : numpy.dtype
        Of the outputs.
    """

    def __init__(
        self, look: Any, parts: list[tuple[int, int, Any]], shape: tuple[int, ...], dtype: Any
    ) -> None:
        self._look, self._parts, self._shape, self._dtype = look, parts, shape, dtype
        self.is_running = False

    def __call__(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        """Return the outputs for [x]."""
        (x,) = inputs
        try:
            self.is_running = True
            self._look(inputs)
            outputs = np.empty(self._shape, self._dtype)
            for first, last, run in self._parts:
                outputs[first:last] = run([x[first:last]])
            return outputs
        finally:
            self.is_running = False


def find_recorded(network: Network, x: np.ndarray) -> Recording | None:
    """Return the recording for batches like x of numbers that are not scaled, if there is one."""
    found = _kept(network).get((x.shape, x.dtype, 1.0))
    return found if found is not None and found.holds(network) else None


def recorded(network: Network, x: Array) -> Callable[[list[Array]], Array] | None:
    """Return the pass recorded for batches like x; None where it cannot run on other arrays."""
    backend = network.backend
    if backend.relocate is None or type(x) is not np.ndarray:
        return None
    kept = _kept(network)
    key = x.shape, x.dtype, network.input_scale.checked(x, network.input_shape)
    found = kept.get(key)
    if found is not None and found.run is not None and found.run.is_running:
        return None  # this is the handler of a signal that interrupted it
    if found is None or not found.holds(network):
        found = _record(network, x)
        if found is None:
            return None
        if len(kept) >= _KEPT:
            kept.clear()
        kept[key] = found
    return found.run  # type: ignore[no-any-return]


def _record(network: Network, x: np.ndarray) -> Recording | None:
    """Record the pass; None if it depends on more than a recording tells."""
    layers = [layer for _, layer in walk(network.layers)]
    holders = [held for layer in layers for held in (layer.params, layer.state) if held]
    arrays = [*_values(holders)]
    if not all(type(layer).__module__.startswith("nnaccel.") for layer in layers):
        return None  # a layer of one's own may depend on anything, and `times_changed` not tell
    if any(isinstance(a, np.ndarray) and np.may_share_memory(x, a) for a in arrays):
        return None  # an address would not tell which is meant
    largest = np.zeros(1, x.dtype) if x.dtype == network.compute_dtype and x.size else None
    run = _relocated(network, x, largest)
    return Recording(
        run,
        None if run is None else largest,
        network.backend,
        [*network.layers],
        layers,
        [*map(_times_changed, layers)],
        holders,
        arrays,
    )


def _relocated(network: Network, x: np.ndarray, largest: np.ndarray | None) -> Any:
    """Return a pass that also finds the largest input, if that is wanted; None if none can be."""
    relocate = network.backend.relocate
    assert relocate is not None

    def look() -> None:
        if largest is not None:
            network.backend.kernels.largest_magnitude(x.reshape(-1), largest)

    def whole() -> Array:
        look()
        return network.forward(_inputs(network, x))[0]

    def part(rows: np.ndarray) -> Any:
        return relocate(lambda: network.forward(_inputs(network, rows))[0], [rows], True)

    bounds = _bounds(network, len(x))
    if len(bounds) <= 2:
        return relocate(whole, [x], keeps=True)
    runs: dict[int, Any] = {}
    parts = []
    for first, last in pairwise(bounds):
        if last - first not in runs:
            runs[last - first] = part(x[first:last])
        parts.append((first, last, runs[last - first]))
    if None in runs.values():
        return None
    shape = len(x), *network.output_shape
    return InParts(relocate(look, [x]), parts, shape, network.dtype)


def _bounds(network: Network, rows: int) -> list[int]:
    """First rows of the parts in which a batch is computed, and the number of all rows."""
    widest = max((math.prod(layer.output_shape) for layer in leaves(network.layers)), default=1)
    room = _BYTES * _config.num_threads() // max(1, widest * network.dtype.itemsize)
    count = max(1, -(-rows // max(_LEAST_ROWS, room)))
    return [part * rows // count for part in range(count + 1)]


def _values(holders: Sequence[dict[str, Array]]) -> Iterator[Array]:
    return chain.from_iterable(map(dict.values, holders))


def _kept(network: Network) -> dict[Any, Recording]:
    """Return the thread's recordings of a model, by shape, dtype and scale of the inputs."""
    try:
        return _local.recordings[network]  # type: ignore[no-any-return]
    except (AttributeError, KeyError):
        recordings = vars(_local).setdefault("recordings", WeakKeyDictionary())
        return recordings.setdefault(network, {})  # type: ignore[no-any-return]


def _inputs(network: Network, x: Array) -> Array:
    """The inputs of a forward pass: x itself where it is of the right dtype, and not scaled."""
    if x.dtype == network.compute_dtype and x.flags.c_contiguous:
        return x.reshape(len(x), *network.input_shape)
    return BatchLoader(network, x, None, len(x)).inputs(len(x))
