"""Plots of regressions, classifiers, trainings and filters, with matplotlib."""

from nnaccel.plot._figure import save
from nnaccel.plot.boundary import decision_boundaries, decision_boundary
from nnaccel.plot.confusion import confusion_matrix
from nnaccel.plot.diagnostics import diagnostics
from nnaccel.plot.digits import misread, wrong_digits
from nnaccel.plot.fitted import observed_against_fitted
from nnaccel.plot.learning_rates import learning_rates
from nnaccel.plot.logistic import logistic_curve
from nnaccel.plot.maps import feature_maps, filter_weights
from nnaccel.plot.regression import regression_line
from nnaccel.plot.timings import timings
from nnaccel.plot.training import report, training_curves

__all__ = [
    "confusion_matrix",
    "decision_boundaries",
    "decision_boundary",
    "diagnostics",
    "feature_maps",
    "filter_weights",
    "learning_rates",
    "logistic_curve",
    "misread",
    "observed_against_fitted",
    "regression_line",
    "report",
    "save",
    "timings",
    "training_curves",
    "wrong_digits",
]
