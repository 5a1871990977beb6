"""Swap nnaccel's modules into a PyTorch model, and out again.

A module keeps its identity: only its class changes, for one derived from it. So parameters,
optimisers, hooks and state dicts stay as they are.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from nnaccel import _config
from nnaccel.interop.torch import modules
from nnaccel.interop.torch.modules import Accelerated

_log = logging.getLogger("nnaccel")

_KINDS: dict[type[Any], type[Any]] = {
    getattr(nn, name): getattr(modules, name) for name in modules.__all__
}
#: Modules that are as fast in PyTorch, or faster when small.
_LEFT = {nn.Linear, nn.ReLU, nn.LeakyReLU, nn.Sigmoid, nn.GELU, nn.SiLU}
_DEFAULT = frozenset(_KINDS) - _LEFT


@dataclass
class Report:
    """What was swapped, and what was left.

    Attributes
    ----------
    swapped : dict of str to str
        Kinds of modules by their names in the model; '' is the model itself.
    left : dict of str to str
        Why, for each module without modules inside.
    """

    swapped: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        taken = [f"  {name or '(itself)'}: {kind}" for name, kind in self.swapped.items()]
        kept = [f"  {name or '(itself)'}: {why}" for name, why in self.left.items()]
        return "\n".join([f"swapped {len(taken)}:", *taken, f"left {len(kept)}:", *kept])


def accelerate(module: nn.Module, kinds: Iterable[type[nn.Module]] = _DEFAULT) -> Report:
    """Let nnaccel compute a PyTorch model's modules, in place.

    Parameters
    ----------
    module : torch.nn.Module
        Its modules are changed, its parameters are not.
    kinds : iterable of type
        Which of PyTorch's modules to swap; by default those that gain: convolutions, pooling,
        batch normalisation, and activations but ReLU, LeakyReLU, Sigmoid, GELU and SiLU.

    Returns
    -------
    Report
        What was swapped, and what was left and why; print it.

    Raises
    ------
    TypeError
        If it is no module, or there is no module here for a kind.

    Examples
    --------
    >>> import torch
    >>> model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU())
    >>> print(accelerate(model))
    swapped 1:
      0: Conv2d
    left 1:
      1: ReLU is as fast in PyTorch
    >>> restore(model)[0].__class__
    <class 'torch.nn.modules.conv.Conv2d'>
    """
    _require_module(module)
    chosen = set(kinds)
    if unknown := chosen - {*_KINDS}:
        names = ", ".join(sorted(kind.__name__ for kind in unknown))
        known = ", ".join(kind.__name__ for kind in _KINDS)
        raise TypeError(f"nnaccel has no module for {names}, but for {known}")
    _tell_of_spinning_threads()
    report = Report()
    for name, part in module.named_modules():
        why = _reason_against(part, chosen)
        if not why:
            report.swapped[name] = type(part).__name__
            part.__class__ = _KINDS.get(type(part), type(part))
        elif not list(part.children()):
            report.left[name] = why
    return report


def restore(module: nn.Module) -> nn.Module:
    """Let PyTorch compute all modules of a model again, in place.

    Parameters
    ----------
    module : torch.nn.Module
        Whatever `accelerate` was called with, or part of it.

    Returns
    -------
    torch.nn.Module
        The same.

    Raises
    ------
    TypeError
        If it is no module.
    """
    _require_module(module)
    for part in module.modules():
        if isinstance(part, Accelerated):
            part.__class__ = next(plain for plain, ours in _KINDS.items() if type(part) is ours)
    return module


def _require_module(module: Any) -> None:
    if not isinstance(module, nn.Module):
        raise TypeError(f"expected a torch.nn.Module, got {type(module).__name__}")


def _tell_of_spinning_threads() -> None:
    """Log what keeps PyTorch's threads from the processors that nnaccel's need."""
    if torch.get_num_threads() > 1 and not _config.openmp_waits_asleep():
        _log.warning(
            "PyTorch's threads spin for a while after each call, beside nnaccel's, which can cost "
            "more than is gained. To fix: start Python with OMP_WAIT_POLICY=PASSIVE in the "
            "environment, or call torch.set_num_threads(1)"
        )


def _reason_against(part: nn.Module, chosen: set[Any]) -> str:
    """Return why a module is not swapped; empty if it is."""
    if isinstance(part, Accelerated):
        return part.reason_against()
    kind = type(part)
    if kind not in _KINDS:
        return f"{kind.__name__} has no counterpart"
    if kind not in chosen:
        return f"{kind.__name__} is as fast in PyTorch" if kind in _LEFT else "not asked for"
    return str(_KINDS[kind].reason_against(part))
