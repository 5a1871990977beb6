"""One call of every kernel that works on images."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnaccel.conformance.drawing import Args, Draw, Rng, normal
from nnaccel_kernels.window import Window

ALGORITHMS = ("im2col", "direct")  # those that all backends have


def convolution(function: str, rng: Rng, n: int, m: int, dtype: Any, window: Window) -> Args:
    """Arguments of conv2d or a gradient of it, for a few images with up to about m channels."""
    groups = int(rng.choice([1, 1, 2]))
    c, k = groups * (1 + m // 6), groups * (1 + m // 4)
    x, _ = _images(rng, min(n, 3), c, dtype, window)
    y = _positions(x, k, window)
    w = normal(rng, (k, c // groups, *window.kernel_size), dtype)
    how = {"window": window, "groups": groups}
    algorithm = {"algorithm": str(rng.choice(ALGORITHMS))}
    if function == "conv2d":
        b = normal(rng, (k,), dtype) if rng.integers(2) else None
        activation = {"activation": "tanh", "alpha": 0.0}
        return {"x": x, "w": w, "b": b, **how, **activation, **algorithm, "y": _blank(rng, y)}
    dy = _order(rng, normal(rng, y.shape, dtype))
    if function == "conv2d_input_gradient":
        return {"dy": dy, "w": w, **how, **algorithm, "dx": _blank(rng, x)}
    return {"dy": dy, "x": x, **how, **algorithm, "dw": np.full_like(w, 7)}


def _convolution(function: str) -> Draw:
    def draw(rng: Rng, n: int, m: int, dtype: Any) -> Args:
        return convolution(function, rng, n, m, dtype, _window(rng))

    return draw


def _sum_channels(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    dy, _ = _images(rng, n, m, dtype)
    return {"dy": dy, "db": np.full(m, 7, dtype)}


def _bias_activate(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    y, _ = _images(rng, n, m, dtype)
    return {"y": y, "b": normal(rng, (m,), dtype), "activation": "leaky_relu", "alpha": 0.5}


def _im2col(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    x, window = _images(rng, n, m, dtype)
    return {"x": x, "window": window, "cols": _columns(rng, x, window)}


def _col2im(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    x, window = _images(rng, n, m, dtype)
    return {"cols": _columns(rng, x, window), "window": window, "dx": _blank(rng, x)}


def _max_pool2d(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    x, window = _images(rng, n, m, dtype)
    return {"x": x, "window": window, "y": _blank(rng, _positions(x, m, window))}


def _max_pool2d_backward(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    """Small integers, so that ties are many; the maxima taken by the reference."""
    from nnaccel_kernels import reference

    x, window = _images(rng, n, m, dtype)
    x = np.round(x)
    y = _positions(x, m, window)
    reference.kernels.max_pool2d(x, window, y)
    dy = _order(rng, normal(rng, y.shape, dtype))
    return {"dy": dy, "x": x, "y": _order(rng, y), "window": window, "dx": _blank(rng, x)}


def _avg_pool2d(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    args = _max_pool2d(rng, n, m, dtype)
    y = args.pop("y")
    return {**args, "count_include_pad": bool(rng.integers(2)), "y": y}


def _avg_pool2d_backward(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    x, window = _images(rng, n, m, dtype)
    dy = _order(rng, normal(rng, _positions(x, m, window).shape, dtype))
    include = bool(rng.integers(2))
    return {"dy": dy, "window": window, "count_include_pad": include, "dx": _blank(rng, x)}


def _pad2d(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    x, _ = _images(rng, n, m, dtype)
    least = -1 if min(x.shape[2:]) > 2 else 0  # so that something is left
    top, bottom, left, right = padding = tuple(int(p) for p in rng.integers(least, 4, 4))
    shape = *x.shape[:2], x.shape[2] + top + bottom, x.shape[3] + left + right
    return {"x": x, "padding": padding, "y": _blank(rng, np.empty(shape, dtype))}


def _copy(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    x, _ = _images(rng, n, m, dtype)
    return {"x": x, "y": _blank(rng, x)}


def _batch_norm(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    x, _ = _images(rng, n, m, dtype)
    running = {f"running_{name}": abs(normal(rng, (m,), dtype)) for name in ("mean", "var")}
    statistics = {name: np.full(m, 7, dtype) for name in ("mean", "inv_std")}
    numbers = {"eps": 1e-3, "momentum": 0.9}
    return {
        "x": x,
        **_scale(rng, m, dtype),
        **numbers,
        **running,
        **statistics,
        "y": _blank(rng, x),
    }


def _batch_norm_inference(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    args = _batch_norm(rng, n, m, dtype)
    del args["momentum"], args["mean"]
    return args


def _batch_norm_moments(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    x, _ = _images(rng, n, m, dtype)
    return {"x": x, "origin": normal(rng, (m,), dtype), "sums": np.full(2 * m + 1, 7.0)}


def _batch_norm_statistics(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    first, second = rng.normal(size=m), rng.uniform(1, 2, m)  # of 5 pixels: the variance is above 0
    return {
        "sums": np.concatenate([first, second + first**2, [5.0]]),
        "momentum": 0.9,
        "running_mean": normal(rng, (m,), dtype),
        "running_var": abs(normal(rng, (m,), dtype)),
        "mean": np.full(m, 7, dtype),
        "var": np.full(m, 7, dtype),
    }


def _batch_norm_input_gradient(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    args = _batch_norm_backward(rng, n, m, dtype)
    for name in ("training", "dgamma", "dbeta"):
        del args[name]
    gradients = {"gradients": normal(rng, (2 * m,), dtype), "count": np.full(1, 9.0)}
    return args | gradients | {"dx": _blank(rng, args["x"])}


def _batch_norm_backward(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    x, _ = _images(rng, n, m, dtype)
    return {
        "dy": _order(rng, normal(rng, x.shape, dtype)),
        "x": x,
        "gamma": normal(rng, (m,), dtype),
        "mean": normal(rng, (m,), dtype),
        "inv_std": abs(normal(rng, (m,), dtype)),
        "training": bool(rng.integers(2)),
        "dx": _blank(rng, x) if rng.integers(4) else None,
        "dgamma": np.full(m, 7, dtype),
        "dbeta": np.full(m, 7, dtype),
    }


def _scale(rng: Rng, m: int, dtype: Any) -> Args:
    return {name: normal(rng, (m,), dtype) for name in ("gamma", "beta")}


def _window(rng: Rng) -> Window:
    """A window with a padding that lets every pixel of an image be under it, and gaps at times."""
    kernel, stride, dilation = (
        (int(rng.integers(1, high)), int(rng.integers(1, high))) for high in (4, 4, 3)
    )
    top, bottom, left, right = (int(rng.integers(0, kernel[i // 2] // 2 + 1)) for i in range(4))
    return Window(kernel, stride, (top, bottom, left, right), dilation)


def _images(
    rng: Rng, n: int, c: int, dtype: Any, window: Window | None = None
) -> tuple[np.ndarray, Window]:
    """At most a few images, in either memory order, and a window that fits over them."""
    window = window or _window(rng)
    rows, columns = (extent + int(rng.integers(0, 9)) for extent in window.extent)
    return _order(rng, normal(rng, (min(n, 3), c, rows, columns), dtype)), window


def _positions(x: np.ndarray, k: int, window: Window) -> np.ndarray:
    """An array for what `window` gives over x."""
    return np.full((len(x), k, *window.output_size(*x.shape[2:])), 7, x.dtype)


def _columns(rng: Rng, x: np.ndarray, window: Window) -> np.ndarray:
    down, across = window.output_size(*x.shape[2:])
    taps = window.kernel_size[0] * window.kernel_size[1]
    return normal(rng, (len(x), x.shape[1] * taps, down * across), x.dtype)


def _blank(rng: Rng, a: np.ndarray) -> np.ndarray:
    return _order(rng, np.full(a.shape, 7, a.dtype))


def _order(rng: Rng, a: np.ndarray) -> np.ndarray:
    """`a`, C-contiguous or channels-last in memory."""
    if rng.integers(2):
        return np.ascontiguousarray(a)
    return _channels_last(a)


def _channels_last(a: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def _channels(name: str) -> Draw:
    """Arguments of put_channels or take_channels: images, in one order, or rows."""

    def draw(rng: Rng, n: int, m: int, dtype: Any) -> Args:
        total = m + int(rng.integers(4))
        first = int(rng.integers(total - m + 1))
        size = [(), (3, 2), (1, 1)][int(rng.integers(3))]
        part, whole = (normal(rng, (n, c, *size), dtype) for c in (m, total))
        if len(size) == 2 and rng.integers(2):
            part, whole = map(_channels_last, (part, whole))
        x, y = (part, whole) if name == "put" else (whole, part)
        return {"x": x, "first": first, "y": y}

    return draw


IMAGE_CALLS: dict[str, Draw] = {
    "avg_pool2d": _avg_pool2d,
    "avg_pool2d_backward": _avg_pool2d_backward,
    "batch_norm": _batch_norm,
    "batch_norm_backward": _batch_norm_backward,
    "batch_norm_inference": _batch_norm_inference,
    "batch_norm_input_gradient": _batch_norm_input_gradient,
    "batch_norm_moments": _batch_norm_moments,
    "batch_norm_statistics": _batch_norm_statistics,
    "bias_activate": _bias_activate,
    "col2im": _col2im,
    "conv2d": _convolution("conv2d"),
    "conv2d_input_gradient": _convolution("conv2d_input_gradient"),
    "conv2d_weight_gradient": _convolution("conv2d_weight_gradient"),
    "copy": _copy,
    "im2col": _im2col,
    "max_pool2d": _max_pool2d,
    "max_pool2d_backward": _max_pool2d_backward,
    "pad2d": _pad2d,
    "put_channels": _channels("put"),
    "sum_channels": _sum_channels,
    "take_channels": _channels("take"),
}
