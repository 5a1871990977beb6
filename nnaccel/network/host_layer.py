"""A user's layers as host rows: Python that runs between compiled kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nnaccel.backends import Array, Backend
from nnaccel.layers import Layer
from nnaccel.layers._base import Backward
from nnaccel.network.parameters import Parameters

Forward = Callable[[Array, bool, bool], tuple[Array, Backward]]


def host_forward(layer: Layer, backend: Backend, dtype: Any, parameters: Parameters) -> Forward:
    """Return a forward pass whose results, and those of its backward, are copied into buffers.

    The buffers do not move, so that recorded kernels can read them.

    Parameters
    ----------
    layer : Layer
        A layer with a `forward` in array code.
    backend : Backend
    dtype : dtype
        Dtype of the buffers.
    parameters : Parameters
        The flat buffers with the layer's gradients.
    """

    def forward(x: Array, training: bool, activate: bool) -> tuple[Array, Backward]:
        y = backend.empty((len(x), *layer.output_shape), dtype)
        latest: list[Backward] = []

        def run_forward() -> None:
            outputs, run_back = layer.forward(x, training, activate)
            y[...] = _as_expected(layer, "forward", outputs, y.shape)
            latest[:] = [run_back]

        def backward(dy: Array, input_gradient: bool) -> Array | None:
            dx = backend.empty((len(x), *layer.input_shape), dtype) if input_gradient else None

            def run_backward() -> None:
                gradient = latest[0](dy, input_gradient)
                _require_in_place(layer, parameters)
                if not layer.trainable:
                    layer.clear_gradients()
                if dx is not None:
                    dx[...] = _as_expected(layer, "backward", gradient, dx.shape)

            backend.host(run_backward)
            return dx

        backend.host(run_forward)
        return y, backward

    return forward


def _as_expected(layer: Layer, what: str, a: Array, shape: tuple[int, ...]) -> Array:
    """Return the result of a user's layer; ValueError if its shape is wrong."""
    if getattr(a, "shape", None) != shape:
        raise ValueError(
            f"layer {layer.name!r}: {what} returned "
            f"{getattr(a, 'shape', type(a).__name__)}; expected shape {shape}"
        )
    return a


def _require_in_place(layer: Layer, parameters: Parameters) -> None:
    """Raise a ValueError unless a user's layer wrote its gradients into the flat buffer."""
    for name in layer.grads:
        if not parameters.has_gradient(layer, name):
            raise ValueError(
                f"layer {layer.name!r}: backward replaced grads[{name!r}]. To fix: write into it, "
                f"as in self.grads[{name!r}][...] = …"
            )
