"""Metrics, by name or as objects."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nnaccel import _foreign, _validate
from nnaccel.training.metrics._base import CountingMetric, FunctionMetric, Metric

# `as`: public to type checkers, which do not evaluate `__all__`.
from nnaccel.training.metrics.accuracy import Accuracy as Accuracy
from nnaccel.training.metrics.auc import AUC as AUC
from nnaccel.training.metrics.binary_accuracy import BinaryAccuracy as BinaryAccuracy
from nnaccel.training.metrics.confusion_matrix import ConfusionMatrix as ConfusionMatrix
from nnaccel.training.metrics.errors import MeanAbsoluteError as MeanAbsoluteError
from nnaccel.training.metrics.errors import MeanSquaredError as MeanSquaredError
from nnaccel.training.metrics.errors import RootMeanSquaredError as RootMeanSquaredError
from nnaccel.training.metrics.precision_recall import F1Score as F1Score
from nnaccel.training.metrics.precision_recall import Precision as Precision
from nnaccel.training.metrics.precision_recall import Recall as Recall
from nnaccel.training.metrics.r2 import R2Score as R2Score
from nnaccel.training.metrics.top_k import TopKCategoricalAccuracy as TopKCategoricalAccuracy

_KINDS: tuple[type[Metric], ...] = (
    Accuracy,
    BinaryAccuracy,
    TopKCategoricalAccuracy,
    Precision,
    Recall,
    F1Score,
    AUC,
    ConfusionMatrix,
    MeanAbsoluteError,
    MeanSquaredError,
    RootMeanSquaredError,
    R2Score,
)
METRICS: dict[str, type[Metric]] = {kind.name: kind for kind in _KINDS}

__all__ = [
    "METRICS",
    "CountingMetric",
    "FunctionMetric",
    "Metric",
    "describe",
    "get",
    "get_all",
    *sorted(kind.__name__ for kind in METRICS.values()),
]

if not typing.TYPE_CHECKING:  # to a type checker any name would be there
    __getattr__ = _foreign.missing(__name__, __all__)


def get(
    metric: str | Metric | Callable[..., Any] | dict[str, Any],
    custom: Mapping[str, Any] | None = None,
) -> Metric:
    """Return a metric from its name, the object itself, or a function as a metric.

    Parameters
    ----------
    metric : str, Metric or callable
        A key of `METRICS`, such as 'accuracy'; an object; or a function of (outputs, targets) that
        returns a value for each row.
    custom : dict of str to Metric or callable, optional
        The user's metrics, by name.

    Raises
    ------
    ValueError
        If the name is unknown; the message has the nearest match.

    Examples
    --------
    >>> get("accuracy").name
    'accuracy'
    """
    if isinstance(metric, Metric):
        return metric
    _validate.refuse_class(metric)
    if callable(metric):
        return FunctionMetric(metric)
    name, settings = (
        (metric["name"], metric["config"]) if isinstance(metric, dict) else (metric, {})
    )
    own = (custom or {}).get(name)
    if own is not None:
        return get(own(**settings) if isinstance(own, type) else own)
    if not isinstance(name, str) or name not in METRICS:
        raise ValueError(_validate.unknown_name("metric", name, list(METRICS)))
    return METRICS[name](**settings)


def describe(metric: Metric) -> str | dict[str, Any]:
    """Return name and settings as JSON can hold them: the name alone where there are none."""
    config = {} if isinstance(metric, FunctionMetric) else metric.config()
    return {"name": metric.name, "config": config} if config else metric.name


def get_all(metrics: Any, custom: Mapping[str, Any] | None = None) -> list[Metric]:
    """Return one metric, or a sequence of them, as a list of metrics with different names.

    Raises
    ------
    ValueError
        As `get`, or if two have the same name.
    """
    is_sequence = isinstance(metrics, Sequence) and not isinstance(metrics, str)
    given = metrics if is_sequence else [metrics]
    found = [get(metric, custom) for metric in given]
    names = [metric.name for metric in found]
    for name in names:
        if name == "loss":
            raise ValueError("a metric is called 'loss', as the loss is: give it another name")
        if names.count(name) > 1:
            raise ValueError(f"two metrics are called {name!r}: give one another name")
    return found
