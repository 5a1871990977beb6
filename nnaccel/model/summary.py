"""The table that `model.summary()` prints."""

from __future__ import annotations

import sys
import textwrap

from nnaccel._html import lines, table
from nnaccel.layers import Layer
from nnaccel.layers._tree import indented, walk
from nnaccel.network.chain import Network

_HEAD = ("Layer", "Output shape", "Parameters")


def summarize(network: Network, width: int | None = None) -> str:
    """Return a table of the layers with their output shapes and numbers of parameters.

    Where it is wider than `width`, each layer takes two lines.
    """
    head, *rows = _wide([_HEAD, *_rows(network)])
    total = _total(network)
    if width is not None and max(map(len, [head, *rows])) > width:
        head, *rows = (f"{a}\n    {b}  {c}".rstrip() for a, b, c in [_HEAD, *_rows(network)])
        total = textwrap.fill(total, width)
    lines = "\n".join([head, *rows]).split("\n")
    rule = "-" * min(max(map(len, lines)), width or sys.maxsize)
    return "\n".join([head, rule, *rows, rule, total])


def _wide(rows: list[tuple[str, str, str]]) -> list[str]:
    """Lay rows out in columns, the last one to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    return [f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}".rstrip() for a, b, c in rows]


def summarize_html(network: Network) -> str:
    """Return the same for a notebook."""
    return table(_HEAD, _rows(network), "llr") + lines([_total(network)])


def _rows(network: Network) -> list[tuple[str, str, str]]:
    rows = []
    for path, layer in walk(network.layers):
        shape = str((None, *layer.output_shape)) if network.built else "not built yet"
        activation = f", {layer.activation}" if layer.activation != "linear" else ""
        title = f"{indented(path)} ({type(layer).__name__}{activation})"
        count = "" if layer._branches else f"{layer.count_params:,}{_settings(layer)}"
        rows.append((title, shape, count))
    return rows


def _total(network: Network) -> str:
    """The line below the table: parameters and what they take."""
    size = network.count_params * network.dtype.itemsize
    total = f"{network.count_params:,} parameters, {size / 1e6:.2f} MB of {network.dtype}"
    frozen_params = sum(layer.count_params for layer in network.leaves if not layer.trainable)
    if frozen_params:
        total += f", {network.count_params - frozen_params:,} of them trainable"
    if network.policy.is_mixed:
        inside, backend = network.compute_dtype, network.backend.name
        total += f", activations in {inside} ({network.policy.name} on backend {backend})"
    states = sum(int(a.size) for layer in network.leaves for a in layer.state.values())
    if states:
        total += f", and {states:,} running numbers without a gradient"
    return total


def _settings(layer: Layer) -> str:
    """Return in words what training does with the parameters of a layer, if it is not the usual."""
    if not layer.params:
        return ""
    if not layer.trainable:
        return " frozen"
    factor = layer.learning_rate_factor
    words = [f"learning rate × {factor:g}"] * (factor != 1) + [str(layer.constraint)]
    if layer.weight_decay != type(layer).weight_decay:
        words.append("no weight decay" if not layer.weight_decay else "weight decay")
    return "".join(f", {word}" for word in words if word)
