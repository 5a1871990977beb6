"""Which array of another library's model belongs to which of a model here."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from nnaccel._validate import unknown_name
from nnaccel.interop.weights.conversion import RULES, Rule, flattened_images
from nnaccel.interop.weights.sources import Group, order_is_told
from nnaccel.layers import Layer, Shape
from nnaccel.layers._tree import walk
from nnaccel.network.chain import Network

_WAYS = "auto", "name", "order"
Found = list[tuple[str, Layer, Group]]


class Pair(NamedTuple):
    """An array of a layer here, and its like there.

    Attributes
    ----------
    place : array
        The array here.
    array : numpy.ndarray
        The one there, in the order of axes that we keep.
    name : str
        What that one is called in the state dict or file.
    shape : tuple of int
        Its shape there.
    order : callable
        Returns a NumPy array of there in our order of axes.
    """

    place: Any
    array: np.ndarray
    name: str
    shape: Shape
    order: Callable[[np.ndarray], np.ndarray]


def match(
    network: Network, library: str, groups: list[Group], by: str, source: Any
) -> tuple[list[Pair], list[str]]:
    """Return pairs of arrays that fit, and a sentence about each array without its like.

    Parameters
    ----------
    network : Network
        With the layers that the weights were trained in.
    library, groups
        What `sources.read` made of `source`.
    by : {'auto', 'name', 'order'}
    source : dict or path
    """
    if by not in _WAYS:
        raise ValueError(unknown_name("by", by, list(_WAYS)))
    network._require_built()
    ours = [(path, layer) for path, layer in walk(network.layers) if layer.arrays]
    found, faults = _matched(ours, groups, by, str(source).endswith(".safetensors"))
    images, pairs = flattened_images(network), []
    for path, layer, group in found:
        rules = next((RULES[kind][1] for kind in type(layer).__mro__ if kind in RULES), None)
        if rules is None:
            faults.append(f"{path}: no rule for weights of a {type(layer).__name__}")
            continue
        rules = [rule for rule in rules if rule.ours in layer.arrays]
        known = {rule.named(library) for rule in rules}
        faults += [f"{group.name}.{n}: {path} has none" for n in group.arrays if n not in known]
        for rule in rules:
            name = rule.named(library)
            order = partial(_ordered, rule, library, layer, images.get(layer))
            place = layer.arrays[rule.ours]
            fault, array = _fitted(f"{path}.{rule.ours}", place.shape, group, name, order)
            if fault:
                faults.append(fault)
            else:
                shape = group.arrays[name].shape
                pairs.append(Pair(place, array, group.place + name, shape, order))
    return pairs, faults


def refuse(faults: list[str], remedy: str) -> None:
    """Raise an error with all faults, if there are any, and what to do."""
    if faults:
        raise ValueError(
            f"the weights do not fit: {'; '.join(faults[:9])}"
            f"{'; …' if len(faults) > 9 else ''}. To fix: {remedy}"
        )


def _ordered(
    rule: Rule, library: str, layer: Layer, image: Shape | None, array: np.ndarray
) -> np.ndarray:
    """Return an array from there as it is kept here, or as it is if it has other axes."""
    try:
        return np.asarray(rule.converted(library, layer, array, image))
    except ValueError:
        return array


def _fitted(
    ours: str,
    wanted: Shape,
    group: Group,
    name: str,
    order: Callable[[np.ndarray], np.ndarray],
) -> tuple[str, Any]:
    """Return what is wrong with an array, or the array as it is kept here."""
    given = group.arrays.get(name)
    if given is None:
        return f"{ours}: {group.name} has no {name}", None
    array = order(given)
    if array.dtype.kind in "cOSU":
        return f"{group.name}.{name} has dtype {array.dtype}, no real numbers", None
    if array.shape != wanted:
        made = f", which gives {array.shape}" if array.shape != given.shape else ""
        return f"{ours} is {wanted}, {group.name}.{name} is {given.shape}{made}", None
    return "", array


def _matched(
    ours: list[tuple[str, Layer]], groups: list[Group], by: str, is_sorted: bool
) -> tuple[Found, list[str]]:
    """Return which group each layer's arrays are in, and what has no counterpart."""
    named = {group.name: group for group in groups}
    names = {path: path.replace("/", ".") for path, _ in ours}
    if by == "name" or (by == "auto" and {*names.values()} <= named.keys()):
        found = [(p, layer, named.pop(names[p])) for p, layer in ours if names[p] in named]
    elif any(group.kind for group in groups):
        found = _by_kind(ours, groups)
    elif is_sorted and not order_is_told(groups):
        raise ValueError(
            "a .safetensors file does not tell the order of layers with names: "
            f"{', '.join(group.name for group in groups[:4])}, … To fix: give the layers these "
            "names here (with / for .), or the state dict, which is in order"
        )
    else:
        found = [(p, layer, group) for (p, layer), group in zip(ours, groups, strict=False)]
    taken = {id(group) for _, _, group in found}
    have = {path for path, _, _ in found}
    faults = [f"{path}: there are no weights for it" for path, _ in ours if path not in have]
    faults += [f"{group.name}: no layer for it" for group in groups if id(group) not in taken]
    return found, faults


def _by_kind(ours: list[tuple[str, Layer]], groups: list[Group]) -> Found:
    """Match layers with Keras's groups: the first Conv2D with 'conv2d', the next 'conv2d_1'."""
    waiting: dict[str, list[tuple[int, Group]]] = {}
    for group in groups:
        kind, number = re.fullmatch(r"(.*?)(?:_(\d+))?", group.kind).groups()  # type: ignore[union-attr]
        waiting.setdefault(kind, []).append((int(number or 0), group))
    for kind, numbered in waiting.items():
        numbers = [number for number, _ in numbered]
        if len({*numbers}) < len(numbers):
            raise ValueError(
                f"the file has {kind!r} layers within layers, whose order it does not tell. To "
                "fix: give the layers the same names here, and by='name'"
            )
        numbered.sort(key=lambda entry: entry[0])
    found = []
    for path, layer in ours:
        kind = next((RULES[k][0] for k in type(layer).__mro__ if k in RULES), "")
        if waiting.get(kind):
            found.append((path, layer, waiting[kind].pop(0)[1]))
    return found
