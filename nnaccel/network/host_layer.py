"""Layers of the user's own as host rows: Python that runs between compiled kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nnaccel.backends import Array, Backend
from nnaccel.layers import Layer
from nnaccel.layers._base import Backward
from nnaccel.network.parameters import Parameters

Forward = Callable[[Array, bool, bool], tuple[Array, Backward]]


def host_forward(layer: Layer, backend: Backend, dtype: Any, parameters: Parameters) -> Forward:
    """Return a forward pass, and with it a backward, that copy the layer's results into buffers.

    The buffers stay where they are, so that recorded kernels can read them.

    Parameters
    ----------
    layer : Layer
        With a `forward` in array code.
    backend : Backend
    dtype : dtype
        Of the buffers.
    parameters : Parameters
        That the layer's arrays are views of.
    """

    def forward(x: Array, training: bool, activate: bool) -> tuple[Array, Backward]:
        y = backend.empty((len(x), *layer.output_shape), dtype)
        latest: list[Backward] = []

        def run_forward() -> None:
            outputs, run_back = layer.forward(x, training, activate)
            _require_in_place(layer, "forward", parameters)
            y[...] = _as_expected(layer, "forward", outputs, y.shape)
            latest[:] = [run_back]

        def backward(dy: Array, input_gradient: bool) -> Array | None:
            dx = backend.empty((len(x), *layer.input_shape), dtype) if input_gradient else None

            def run_backward() -> None:
                gradient = latest[0](dy, input_gradient)
                _require_in_place(layer, "backward", parameters)
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


def _require_in_place(layer: Layer, what: str, parameters: Parameters) -> None:
    """Raise a ValueError unless a user's layer wrote into its arrays in the flat buffers."""
    replaced = parameters.rebind(layer)
    if replaced:
        raise ValueError(
            f"layer {layer.name!r}: {what} replaced {replaced}, which is part of the model's "
            f"buffers. To fix: write into it, as in self.{replaced}[...] = …; a new array is "
            "declared in parameter_specs or state_specs"
        )
