"""The batch loader, which gathers rows on the device."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np

from nnaccel.backends import Array, is_on_device
from nnaccel.layers._several import Several, parts_of, shapes_of
from nnaccel.network.chain import Network
from nnaccel.training.augment import Augment, Augmenter
from nnaccel.training.communicator import Alone
from nnaccel.training.piece_stream import PieceStream
from nnaccel.training.pixels import pixels_of
from nnaccel.training.share import Share


class BatchLoader:
    """Batches of inputs and targets on the model's backend, in a given order of rows.

    Rows lie on the backend as a whole, except on a GPU where they would take more than half of its
    free memory: then they are loaded a piece at a time.

    Parameters
    ----------
    network : Network
        A built network, for the backend, dtype and shapes of batches.
    x : array, shape (N, ...), or Several
        As returned by `take_inputs`.
    targets : array, shape (N,) or (N, pixels) of integers, or (N, numbers), or None
        As returned by `encode_targets` or `encode_maps`.
    batch_size : int
        Rows of a batch.
    weights : array, shape (N,) or (N, pixels), or None
        Weight of each row, or pixel.
    augment : Augment, optional
        Changes of the inputs.
    share : Share, optional
        This rank's part of each batch; all of it by default.

    Attributes
    ----------
    rows, batch_size : int
        Rows of all ranks, and of a whole batch.
    order : array of int64
        Order of this rank's rows in this epoch.
    cursor : array of one int64
        Number of the next batch, on the backend; kernels advance it.
    """

    def __init__(
        self,
        network: Network,
        x: Array,
        targets: np.ndarray | None,
        batch_size: int,
        weights: np.ndarray | None = None,
        augment: Augment | None = None,
        share: Share | None = None,
    ) -> None:
        self._backend = network.backend
        self._shapes, self._dtype = shapes_of(network.input_shape), network.dtype
        self._inside = network.compute_dtype
        self._units = network.output_shape[0]
        self._pixels = pixels_of(network.output_shape)
        self._are_labels = targets is not None and targets.dtype.kind in "iu"
        self._network, self._given = network, x
        self.rows, self.batch_size = len(x), batch_size
        self.share = share or Share(Alone(), batch_size)
        self._width = self.share.rows(batch_size)  # this rank's rows of a whole batch
        self.order = self._backend.asarray(self.share.order(np.arange(len(x))))
        self._row_numbers = self.order  # by which the changes of inputs are drawn
        self.cursor = self._backend.xp.zeros(1, np.int64)
        self._streams: list[PieceStream] = []
        pairs = zip(parts_of(x), self._shapes, strict=True)
        self._inputs = [self._place(a.reshape(len(x), math.prod(shape))) for a, shape in pairs]
        self.targets, self._targets_order = self._place(targets)
        self.augmenter: Augmenter | None = None
        if augment is not None:
            if isinstance(x, Several):
                raise ValueError(
                    "augment changes the images of a model with one input. To fix: change those of "
                    "several inputs before, by augment(x, seed=…)"
                )
            if len(network.output_shape) == 3 and augment.moves_pixels:
                raise ValueError(
                    f"{augment} moves the pixels of images, but not those of their targets, which "
                    "would no longer fit. To fix: change both before, alike: augment(x, seed=…) "
                    "and, with a map for each class (N, C, H, W), "
                    "augment(maps, seed=…).argmax(axis=1)"
                )
            self.augmenter = Augmenter(self._backend, augment, x.shape[1:], network.seed)
        columns = None if weights is None else weights.reshape(len(weights), self._pixels)
        self._weights, self._weights_order = self._place(columns)

    def _place(self, rows: Array | None) -> tuple[Array, Array]:
        """Return rows on the backend, or a piece of them, and the order to gather them in."""
        if rows is None:
            return None, self.order
        is_one_batch = len(rows) <= self.batch_size
        if is_on_device(rows) or is_one_batch or self._backend.has_room(rows.nbytes):
            return self._backend.asarray(rows), self.order
        self._streams.append(PieceStream(self._backend, rows, max(1, self._width)))
        return self._streams[-1].piece, self._streams[-1].positions

    def load(self, batch: int) -> int:
        """Bring a batch to the backend; return how many, from it on, are there."""
        return min((stream.load(batch) for stream in self._streams), default=sys.maxsize)

    def learn_scale(self) -> None:
        """Keep the scale of these inputs, a training's, with the network."""
        self._network.input_scale.learn(self._given, self._network.input_shape)

    def inputs(self, rows: int) -> Array:
        """Return the inputs of the next batch, which has `rows` rows, scaled as in training."""
        scales = self._network.input_scale.checked(self._given, self._network.input_shape)
        if not isinstance(self._given, Several):
            return self._input(0, rows, scales)
        return Several([self._input(number, rows, scale) for number, scale in enumerate(scales)])

    def _input(self, number: int, rows: int, scale: float) -> Array:
        """Return one of the inputs of the next batch."""
        data, order = self._inputs[number]
        out = self._backend.empty((rows, data.shape[1]), self._inside)
        self._backend.kernels.gather_rows(data, order, self.cursor, self._width, scale, out)
        if self.augmenter is not None:
            out = self.augmenter(out, self._row_numbers, self.cursor, self._width)
        return out.reshape(rows, *self._shapes[number])

    def outputs(self, rows: int) -> Array:
        """Return the targets of the next batch, one row for each input, pixel after pixel."""
        out = self._backend.empty((rows, self._pixels * self._units), self._dtype)
        place = self._targets_order, self.cursor, self._width
        if self._are_labels:
            each = out.reshape(rows * self._pixels, self._units)
            self._backend.kernels.gather_one_hot(self.targets, *place, each)
        else:
            self._backend.kernels.gather_rows(self.targets, *place, 1.0, out)
        return out

    def weights(self, rows: int) -> Array | None:
        """Return the weights of the next batch, (rows, pixels); None without weights."""
        if self._weights is None:
            return None
        out = self._backend.empty((rows, self._pixels), self._dtype)
        place = self._weights_order, self.cursor, self._width
        self._backend.kernels.gather_rows(self._weights, *place, 1.0, out)
        return out

    def batch(self, rows: int) -> tuple[Array, Array, Array | None]:
        """Return inputs, targets and weights of this rank's rows of a batch of `rows` rows."""
        rows = self.share.rows(rows)
        return self.inputs(rows), self.outputs(rows), self.weights(rows)

    def start(self, order: np.ndarray) -> None:
        """Start an epoch with the given order of rows."""
        order = self.share.order(order)
        self.order[...] = self._backend.asarray(order)
        self.cursor[...] = 0
        for stream in self._streams:
            stream.start(order)


class OneBatch(BatchLoader):
    """A single batch in its own order, whose rows can be replaced.

    Parameters
    ----------
    *args, **kwargs
        As of `BatchLoader`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._row_numbers = self.order.copy()

    def _input(self, number: int, rows: int, scale: float) -> Array:
        """As `BatchLoader._input`; without a copy where there is nothing to convert."""
        data, _ = self._inputs[number]
        if scale != 1 or data.dtype != self._inside or self.augmenter is not None:
            return super()._input(number, rows, scale)
        first, end = self.share.span(self.rows)
        return data.reshape(self.rows, *self._shapes[number])[first:end]

    def place(self, first: int, epoch: int) -> None:
        """Say which row of an epoch of a stream the first is, for the changes of inputs."""
        if self.augmenter is None:
            return
        numbers = self.share.order(np.arange(first, first + self.rows))
        self._row_numbers[...] = self._backend.asarray(numbers)
        self.augmenter.epoch[...] = epoch

    def refill(self, x: Array, targets: np.ndarray, weights: np.ndarray | None) -> None:
        """Replace all rows by others of the same shapes."""
        for part, (data, _) in zip(parts_of(x), self._inputs, strict=True):
            data[...] = self._backend.asarray(part).reshape(data.shape)
        self.targets[...] = self._backend.asarray(targets)
        if weights is not None:
            self._weights[...] = self._backend.asarray(weights).reshape(self._weights.shape)
