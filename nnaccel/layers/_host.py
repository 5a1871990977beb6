"""A user's layers as host rows: Python that runs between compiled kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nnaccel.backends import Array, backend_of, to_numpy
from nnaccel.layers._base import Backward, Layer

#: What a gradient holds until it is first written: no gradient is this number everywhere.
_UNWRITTEN = -1.2345e-30

Forward = Callable[[Array, bool, bool], tuple[Array, Backward]]


def host_forward(layer: Layer) -> Forward:
    """Return a forward pass whose results, and those of its backward, are copied into buffers.

    The buffers have the dtype of x, and do not move, so that recorded kernels can read them.

    Parameters
    ----------
    layer : Layer
        A layer with a `forward` in array code.
    """

    def forward(x: Array, training: bool, activate: bool) -> tuple[Array, Backward]:
        backend = backend_of(x)
        y = backend.empty((len(x), *layer.output_shape), x.dtype)
        latest: list[Backward] = []
        first = layer.first_row

        def run_forward() -> None:
            vars(layer)["first_row"] = first
            outputs, run_back = _as_pair(layer, layer.forward(x, training, activate))
            _require_in_place(layer, "forward")
            y[...] = _as_expected(layer, "forward", outputs, y.shape)
            latest[:] = [run_back]

        def backward(dy: Array, input_gradient: bool) -> Array | None:
            dx = backend.empty((len(x), *layer.input_shape), x.dtype) if input_gradient else None

            def run_backward() -> None:
                is_new = layer.trainable and not layer._has_written
                if is_new:
                    _mark_unwritten(layer)
                gradient = latest[0](dy, input_gradient)
                _require_in_place(layer, "backward")
                if is_new:
                    _require_written(layer)
                    vars(layer)["_has_written"] = True
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


def _as_pair(layer: Layer, returned: Any) -> tuple[Array, Backward]:
    """Return what `forward` returned; TypeError unless it is an output and a backward."""
    if not isinstance(returned, tuple) or len(returned) != 2 or not callable(returned[1]):
        raise TypeError(
            f"layer {layer.name!r}: forward returned {type(returned).__name__}; expected the pair "
            "(y, backward)"
        )
    return returned


def _mark_unwritten(layer: Layer) -> None:
    for gradient in layer.grads.values():
        gradient[...] = _UNWRITTEN


def _require_in_place(layer: Layer, what: str) -> None:
    """Raise a ValueError unless a user's layer wrote into its arrays in the flat buffers."""
    replaced = layer.restore_views()
    if replaced:
        raise ValueError(
            f"layer {layer.name!r}: {what} replaced {replaced}, which is part of the model's "
            f"buffers. To fix: write into it, as in self.{replaced}[...] = …; a new array is "
            "declared in parameter_specs or state_specs"
        )


def _require_written(layer: Layer) -> None:
    """Raise a ValueError if the first backward pass wrote no gradient of a parameter."""
    for name, gradient in layer.grads.items():
        if (to_numpy(gradient) == gradient.dtype.type(_UNWRITTEN)).all():
            raise ValueError(
                f"layer {layer.name!r}: backward wrote no gradient of {name!r}. To fix: "
                f"self.grads[{name!r}][...] = …"
            )
