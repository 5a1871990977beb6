"""Weights of another library's model, layer by layer, into a model here."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from nnaccel._validate import unknown_name
from nnaccel.interop.weights.conversion import RULES, Rule, flattened_images
from nnaccel.interop.weights.sources import Group, groups_of, order_is_told
from nnaccel.layers import Layer
from nnaccel.layers._tree import walk
from nnaccel.network.chain import Network

_WAYS = "auto", "name", "order"
Found = list[tuple[str, Layer, Group]]


def load(network: Network, source: Any, by: str = "auto", strict: bool = True) -> list[str]:
    """Copy weights into a built network, transposing what the library keeps otherwise.

    Parameters
    ----------
    network : Network
        With the layers that the weights were trained in.
    source, by, strict
        As for `Sequential.load_weights`, which says what is returned and raised, too.
    """
    if by not in _WAYS:
        raise ValueError(unknown_name("by", by, list(_WAYS)))
    network._require_built()
    library, groups = groups_of(source)
    ours = [(path, layer) for path, layer in walk(network.layers) if layer.arrays]
    found, faults = _matched(ours, groups, by, str(source).endswith(".safetensors"))
    images, places = flattened_images(network), []
    for path, layer, group in found:
        rules = _rules(layer)
        if rules is None:
            faults.append(f"{path}: no rule for weights of a {type(layer).__name__}")
            continue
        known = {rule.named(library) for rule in rules}
        faults += [f"{group.name}.{n}: {path} has none" for n in group.arrays if n not in known]
        for rule in rules:
            if rule.ours not in layer.arrays:
                if rule.named(library) in group.arrays:
                    faults.append(f"{group.name}.{rule.named(library)}: {path} has none")
                continue
            fault, array = _fitted(path, layer, group, rule, library, images.get(layer))
            if fault:
                faults.append(fault)
            else:
                places.append((layer.arrays[rule.ours], array))
    if faults and strict:
        raise ValueError(
            f"the weights do not fit: {'; '.join(faults[:9])}"
            f"{'; …' if len(faults) > 9 else ''}. To fix: make the same layers, or load what fits "
            "by strict=False"
        )
    for place, array in places:
        place[...] = network.backend.asarray(array)
    return faults


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


def _rules(layer: Layer) -> list[Rule] | None:
    return next((RULES[kind][1] for kind in type(layer).__mro__ if kind in RULES), None)


def _fitted(
    path: str, layer: Layer, group: Group, rule: Rule, library: str, image: Any
) -> tuple[str, np.ndarray | None]:
    """Return what is wrong with an array, or the array as it is kept here."""
    wanted, name = layer.arrays[rule.ours].shape, rule.named(library)
    given = group.arrays.get(name)
    if given is None:
        return f"{path}.{rule.ours}: {group.name} has no {name}", None
    try:
        array = rule.converted(library, layer, given, image)
    except ValueError:  # of axes that are not there
        array = given
    if array.dtype.kind in "cOSU":
        return f"{group.name}.{name} has dtype {array.dtype}, no real numbers", None
    if array.shape != wanted:
        made = f", which gives {array.shape}" if array.shape != given.shape else ""
        return f"{path}.{rule.ours} is {wanted}, {group.name}.{name} is {given.shape}{made}", None
    return "", np.asarray(array, layer.arrays[rule.ours].dtype)
