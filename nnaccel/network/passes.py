"""The pass through a network in two dtypes: its body in one, its head in the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from nnaccel.backends import Array, Backend
from nnaccel.layers import Layer
from nnaccel.layers._running import run_layers
from nnaccel.layers._several import Several
from nnaccel.layers._tree import is_live
from nnaccel.network.precision import cast


def run_mixed(
    backend: Backend,
    chains: tuple[Sequence[Layer], Sequence[Layer]],
    dtypes: tuple[np.dtype[Any], np.dtype[Any]],
    x: Array,
    training: bool,
    activate: bool,
) -> tuple[Array, Callable[..., Array | None]]:
    """Return the output for a batch, and the backward pass.

    Parameters
    ----------
    backend : Backend
    chains : tuple of sequence of Layer
        The layers before the head; the head and those after it.
    dtypes : tuple of dtype
        Of the activations of each; inputs have either, outputs the second.
    x, training, activate
        As for `Network.forward`.

    Returns
    -------
    y : array
    backward : callable
        As that of `Network.forward`.
    """
    (body, tail), (inside, outside) = chains, dtypes
    x = Several(x) if isinstance(x, tuple) else x

    def to(dtype: np.dtype[Any], a: Array) -> Array:
        if inside == outside:
            return a
        if isinstance(a, Several):
            return a.map(partial(to, dtype))
        return cast(backend, a, dtype)

    z, back_to_inputs = run_layers(body, to(inside, x), training)
    y, back_to_body = run_layers(tail, to(outside, z), training, activate)

    def run_back(dy: Array, input_gradient: bool = False) -> Array | None:
        wanted = input_gradient or any(map(is_live, body))
        dz = back_to_body(dy, wanted)
        dx = back_to_inputs(to(inside, dz), input_gradient) if wanted else None
        found = to(outside, dx) if input_gradient else None
        return found.arrays if isinstance(found, Several) else found

    return y, run_back
