"""scikit-learn estimators: least squares, logistic and softmax regression, networks.

Importing this loads scikit-learn; `import nnaccel` alone does not.
"""

import typing

from nnaccel import _foreign
from nnaccel.estimators._collinear import CollinearityWarning
from nnaccel.estimators._covariance import Covariance
from nnaccel.estimators._intervals import Intervals, PredictionInterval
from nnaccel.estimators._likelihood import SeparationWarning
from nnaccel.estimators.convnet import ConvNetClassifier
from nnaccel.estimators.diagnostics import Diagnostics
from nnaccel.estimators.formula import Formula
from nnaccel.estimators.linear import LinearRegression
from nnaccel.estimators.logistic import LogisticRegression
from nnaccel.estimators.mlp import MLPClassifier, MLPRegressor
from nnaccel.estimators.own_network import NetworkClassifier, NetworkRegressor
from nnaccel.estimators.softmax import SoftmaxRegression

__all__ = [
    "CollinearityWarning",
    "ConvNetClassifier",
    "Covariance",
    "Diagnostics",
    "Formula",
    "Intervals",
    "LinearRegression",
    "LogisticRegression",
    "MLPClassifier",
    "MLPRegressor",
    "NetworkClassifier",
    "NetworkRegressor",
    "PredictionInterval",
    "SeparationWarning",
    "SoftmaxRegression",
]

if not typing.TYPE_CHECKING:  # to a type checker any name would be there
    __getattr__ = _foreign.missing(__name__, __all__)
