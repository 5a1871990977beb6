"""Weights of another library's model, layer by layer, into a model here."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnaccel.interop.weights.matching import match, refuse
from nnaccel.interop.weights.sources import read
from nnaccel.network.chain import Network


def load(network: Network, source: Any, by: str = "auto", strict: bool = True) -> list[str]:
    """Copy weights into a built network, transposing what the library keeps otherwise.

    Parameters
    ----------
    network : Network
        With the layers that the weights were trained in.
    source, by, strict
        As for `Sequential.load_weights`, which says what is returned and raised, too.
    """
    library, groups, _ = read(source)
    pairs, faults = match(network, library, groups, by, source)
    if strict:
        refuse(faults, "make the same layers, or load what fits by strict=False")
    arrays = [(pair.place, np.asarray(pair.array, pair.place.dtype)) for pair in pairs]
    for place, array in arrays:
        place[...] = network.backend.asarray(array)
    return faults
