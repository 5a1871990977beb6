"""Divergence: epochs whose numbers are not finite, or whose steps made no update."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator

import numpy as np

from nnaccel._validate import warn_caller
from nnaccel.backends import to_numpy
from nnaccel.training.setup import TrainingSetup


class DivergenceError(ArithmeticError):
    """The loss became NaN or infinite; the model is restored to the beginning of the epoch."""


@contextlib.contextmanager
def warn_if_no_update(setup: TrainingSetup, epoch: int) -> Iterator[None]:
    """Warn if gradients overflowed in all steps of the block, so that none made an update.

    No warning for a single step after others: the loss scale is doubled from time to time.
    """
    network, scale = setup.network, setup.loss_scale
    if scale is None:
        yield
        return
    before, factor = to_numpy(network.iterations).copy(), scale.factor
    yield
    is_idle = to_numpy(network.iterations) == before
    if is_idle and (not before or scale.factor < factor / 2):
        warn_caller(
            f"float16 gradients overflowed in every step of epoch {epoch + 1}, so nothing was "
            f"learnt; the loss scale is down to {scale.factor:g} and still falling. To fix: "
            "rescale inputs and targets to about 1, or use dtype='mixed_bfloat16'"
        )


@contextlib.contextmanager
def restore_if_diverging(setup: TrainingSetup, epoch: int) -> Iterator[None]:
    """Restore weights, states and optimiser if the block ends with numbers that are not finite."""
    network = setup.network
    arrays = [network.weights, network.states, setup.slots, network.iterations]
    if setup.loss_scale is not None:
        arrays.append(setup.loss_scale.state)
    copies, scale = [array.copy() for array in arrays], copy.copy(network.input_scale)
    yield
    what = _what_diverged(setup)
    if what is None:
        return
    for array, kept in zip(arrays, copies, strict=True):
        array[...] = kept
    vars(network.input_scale).update(vars(scale))
    narrow = ", or use 'mixed_bfloat16': float16 ends at 65,504" * network.policy.scales_loss
    raise DivergenceError(
        f"the {what} in epoch {epoch + 1}; the model is as it was before that epoch. Lower the "
        f"learning rate, clip gradients, or look for extreme values in the data{narrow}"
    )


def _what_diverged(setup: TrainingSetup) -> str | None:
    """Return what is not finite after an epoch, in words; None if everything is finite."""
    network, loss = setup.network, setup.sums.means()["loss"]
    isfinite, scale = network.backend.xp.isfinite, setup.loss_scale
    if not np.isfinite(loss):
        return f"loss became {loss}"
    if not (isfinite(network.weights).all() and isfinite(network.states).all()):
        return "weights became NaN or infinite"
    if scale is not None and scale.is_least:
        return "gradients stayed NaN or infinite even with the smallest loss scale,"
    return None
