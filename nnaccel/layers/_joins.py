"""How the outputs of branches become one: sums, products, and channels one after another."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from nnaccel import ops
from nnaccel.backends import Array
from nnaccel.layers._base import Shape
from nnaccel.layers._images import as_images

Joined = tuple[Array, Callable[[Array], list[Array]]]  # y, and from dy to each branch's gradient


def add(outputs: Sequence[Array]) -> Joined:
    """Return the sum, and its backward."""
    return functools.reduce(ops.add, outputs), lambda dy: [dy] * len(outputs)


def multiply(outputs: Sequence[Array]) -> Joined:
    """Return the product, and its backward."""
    products = list(outputs[:1])  # of the first output, of the first two, …
    for output in outputs[1:]:
        products.append(ops.multiply(products[-1], output))

    def backward(dy: Array) -> list[Array]:
        gradients = []
        for index in range(len(outputs) - 1, 0, -1):
            gradients.append(ops.multiply(dy, products[index - 1]))
            dy = ops.multiply(dy, outputs[index])
        return [dy, *reversed(gradients)]

    return products[-1], backward


def concat(outputs: Sequence[Array]) -> Joined:
    """Return channels or features one after another, and the backward."""
    images = [as_images(output) for output in outputs]

    def backward(dy: Array) -> list[Array]:
        parts = ops.split(dy, [image.shape[1] for image in images])
        return [part.reshape(a.shape) for part, a in zip(parts, outputs, strict=True)]

    return ops.concat(images), backward


JOINS: dict[str, Callable[[Sequence[Array]], Joined]] = {
    "add": add,
    "concat": concat,
    "multiply": multiply,
}


def joined_shape(join: str, shapes: Sequence[Shape]) -> Shape:
    """Return the shape of joined outputs; ValueError if theirs do not fit."""
    listed = " and ".join(map(str, shapes))
    if join != "concat":
        if len(set(shapes)) > 1:
            raise ValueError(f"its branches give {listed}, but {join!r} needs one shape")
        return shapes[0]
    images = [(1, *shape) if len(shape) == 2 else shape for shape in shapes]
    if len({shape[1:] for shape in images}) > 1:
        raise ValueError(
            f"its branches give {listed}, but 'concat' needs one shape except for the channels"
        )
    return sum(shape[0] for shape in images), *images[0][1:]
