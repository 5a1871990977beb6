"""PyTorch's modules, computed by nnaccel where that is possible.

Each is the module of its name with another `forward`: parameters, initial values, arguments and
state dicts are PyTorch's own.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from nnaccel.interop.torch import functional

__all__ = [
    "ELU",
    "GELU",
    "AdaptiveAvgPool2d",
    "AvgPool2d",
    "BatchNorm2d",
    "Conv2d",
    "ConvTranspose2d",
    "LeakyReLU",
    "Linear",
    "MaxPool2d",
    "Mish",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softplus",
    "Tanh",
]

_FLOATS = torch.float32, torch.float64


class Accelerated:
    """What is put before a module of PyTorch's: its forward pass, where nnaccel has one."""

    def reason_against(self) -> str:
        """Return why these settings are computed by PyTorch; empty if they are not."""
        return ""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Return what PyTorch's module of this name does, computed by nnaccel's kernels if it can.

        PyTorch computes what is compiled, traced, autocast or transformed, on other devices or of
        other dtypes, empty, or without a batch axis.
        """
        if torch.compiler.is_compiling() or len(args) != 1 or kwargs or self.reason_against():
            return super().forward(*args, **kwargs)  # type: ignore[misc]
        tensors = [args[0], *self._tensors()]
        if not all(map(_is_plain, tensors)) or _is_watched() or not self._fits(args[0]):
            return super().forward(*args)  # type: ignore[misc]
        if len({tensor.dtype for tensor in tensors}) > 1:
            return super().forward(*args)  # type: ignore[misc]
        return self._run(args[0])

    def _tensors(self) -> list[Any]:
        """Return parameters and buffers that are computed with."""
        found = (getattr(self, name, None) for name in ("weight", "bias", "running_mean"))
        return [tensor for tensor in found if tensor is not None]

    def _fits(self, x: Any) -> bool:
        return bool(x.ndim == 4 and x.numel())

    def _run(self, x: Any) -> Any:
        raise NotImplementedError


class Conv2d(Accelerated, nn.Conv2d):
    """`torch.nn.Conv2d`, computed by nnaccel."""

    def reason_against(self) -> str:
        """Return why these settings are computed by PyTorch; empty if they are not."""
        return "" if self.padding_mode == "zeros" else f"padding_mode={self.padding_mode!r}"

    def _run(self, x: Any) -> Any:
        return functional.conv2d(x, self.weight, self.bias, **_movement(self), groups=self.groups)


class ConvTranspose2d(Accelerated, nn.ConvTranspose2d):
    """`torch.nn.ConvTranspose2d`, computed by nnaccel."""

    def _run(self, x: Any) -> Any:
        more = {"groups": self.groups, "output_padding": self.output_padding}
        return functional.conv_transpose2d(x, self.weight, self.bias, **_movement(self), **more)


class Linear(Accelerated, nn.Linear):
    """`torch.nn.Linear`, computed by nnaccel."""

    def _fits(self, x: Any) -> bool:
        return bool(x.ndim and x.numel() and x.shape[-1] == self.in_features)

    def _run(self, x: Any) -> Any:
        return functional.linear(x, self.weight, self.bias)


class MaxPool2d(Accelerated, nn.MaxPool2d):
    """`torch.nn.MaxPool2d`, computed by nnaccel."""

    def reason_against(self) -> str:
        """Return why these settings are computed by PyTorch; empty if they are not."""
        return "return_indices=True" if self.return_indices else ""

    def _run(self, x: Any) -> Any:
        return functional.max_pool2d(
            x, _pair(self.kernel_size), **_movement(self), ceil_mode=self.ceil_mode
        )


class AvgPool2d(Accelerated, nn.AvgPool2d):
    """`torch.nn.AvgPool2d`, computed by nnaccel."""

    def reason_against(self) -> str:
        """Return why these settings are computed by PyTorch; empty if they are not."""
        return "divisor_override" if self.divisor_override is not None else ""

    def _run(self, x: Any) -> Any:
        how = {"ceil_mode": self.ceil_mode, "count_include_pad": self.count_include_pad}
        how |= {"stride": _pair(self.stride), "padding": _pair(self.padding)}
        return functional.avg_pool2d(x, _pair(self.kernel_size), **how)


class AdaptiveAvgPool2d(Accelerated, nn.AdaptiveAvgPool2d):
    """`torch.nn.AdaptiveAvgPool2d`, computed by nnaccel where it gives one number a channel."""

    def reason_against(self) -> str:
        """Return why these settings are computed by PyTorch; empty if they are not."""
        return "" if self.output_size in (1, (1, 1)) else f"output_size={self.output_size}"

    def _run(self, x: Any) -> Any:
        return functional.avg_pool2d(x, tuple(x.shape[2:]))


class BatchNorm2d(Accelerated, nn.BatchNorm2d):
    """`torch.nn.BatchNorm2d`, computed by nnaccel."""

    def _fits(self, x: Any) -> bool:
        is_images = x.ndim == 4 and x.shape[1] == self.num_features
        return bool(is_images and x.numel() > x.shape[1])  # one number has no variance

    def _run(self, x: Any) -> Any:
        share = 0.0 if self.momentum is None else self.momentum
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                share = 1.0 / float(self.num_batches_tracked)
        training = self.training or self.running_mean is None
        is_kept = not self.training or self.track_running_stats
        mean, var = (self.running_mean, self.running_var) if is_kept else (None, None)
        return functional.batch_norm(
            x, mean, var, self.weight, self.bias, training, share, self.eps
        )


class _Elementwise(Accelerated):
    """An activation of any number of axes."""

    name = ""

    def reason_against(self) -> str:
        """Return why these settings are computed by PyTorch; empty if they are not."""
        return _inplace(self)

    def _fits(self, x: Any) -> bool:
        return bool(x.numel())

    def _run(self, x: Any) -> Any:
        return functional.activate(self.name, x)


class ReLU(_Elementwise, nn.ReLU):
    """`torch.nn.ReLU`, computed by nnaccel."""

    name = "relu"


class Sigmoid(_Elementwise, nn.Sigmoid):
    """`torch.nn.Sigmoid`, computed by nnaccel."""

    name = "sigmoid"


class Tanh(_Elementwise, nn.Tanh):
    """`torch.nn.Tanh`, computed by nnaccel."""

    name = "tanh"


class SiLU(_Elementwise, nn.SiLU):
    """`torch.nn.SiLU`, computed by nnaccel."""

    name = "swish"


class Mish(_Elementwise, nn.Mish):
    """`torch.nn.Mish`, computed by nnaccel."""

    name = "mish"


class GELU(_Elementwise, nn.GELU):
    """`torch.nn.GELU`, computed by nnaccel."""

    def _run(self, x: Any) -> Any:
        return functional.activate("gelu" if self.approximate == "none" else "gelu_tanh", x)


class LeakyReLU(_Elementwise, nn.LeakyReLU):
    """`torch.nn.LeakyReLU`, computed by nnaccel."""

    def reason_against(self) -> str:
        """Return why these settings are computed by PyTorch; empty if they are not."""
        return _inplace(self) or ("" if self.negative_slope >= 0 else "a negative slope")

    def _run(self, x: Any) -> Any:
        return functional.activate("leaky_relu", x, float(self.negative_slope))


class ELU(_Elementwise, nn.ELU):
    """`torch.nn.ELU`, computed by nnaccel."""

    def reason_against(self) -> str:
        """Return why these settings are computed by PyTorch; empty if they are not."""
        return _inplace(self) or ("" if self.alpha >= 0 else "a negative alpha")

    def _run(self, x: Any) -> Any:
        return functional.activate("elu", x, float(self.alpha))


class Softplus(_Elementwise, nn.Softplus):
    """`torch.nn.Softplus`, computed by nnaccel."""

    def reason_against(self) -> str:
        """Return why these settings are computed by PyTorch; empty if they are not."""
        return "" if (self.beta, self.threshold) == (1.0, 20.0) else "beta or threshold"

    def _run(self, x: Any) -> Any:
        return functional.activate("softplus", x)


def _inplace(module: Any) -> str:
    return "inplace=True" if getattr(module, "inplace", False) else ""


def _movement(module: Any) -> dict[str, Any]:
    """Return stride, padding and dilation of a module as ops take them."""
    padding = module.padding
    return {
        "stride": _pair(module.stride),
        "padding": padding if isinstance(padding, str) else _pair(padding),
        "dilation": _pair(module.dilation),
    }


def _pair(size: Any) -> tuple[int, ...]:
    return (size, size) if isinstance(size, int) else tuple(size)


def _is_plain(x: Any) -> bool:
    """Whether x is a plain tensor of numbers in the host's memory."""
    return (
        type(x) in (torch.Tensor, nn.Parameter)
        and x.device.type == "cpu"
        and x.dtype in _FLOATS
        and x.layout is torch.strided
        and not (x.is_conj() or x.is_neg())
    )


def _is_watched() -> bool:
    """Whether calls are traced, transformed or cast by PyTorch, which must see its own."""
    return bool(
        torch.jit.is_tracing()
        or torch.is_autocast_enabled("cpu")
        or torch._C._are_functorch_transforms_active()
        or torch._C._len_torch_dispatch_stack()
    )
