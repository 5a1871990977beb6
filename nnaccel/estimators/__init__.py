"""scikit-learn estimators: least squares, logistic and softmax regression, networks.

Importing this loads scikit-learn; `import nnaccel` alone does not.
"""

import typing

from nnaccel import _foreign
from nnaccel.estimators._collinear import CollinearityWarning
from nnaccel.estimators._likelihood import SeparationWarning
from nnaccel.estimators.convnet import ConvNetClassifier
from nnaccel.estimators.linear import LinearRegression
from nnaccel.estimators.logistic import LogisticRegression
from nnaccel.estimators.mlp import MLPClassifier, MLPRegressor
from nnaccel.estimators.own_network import NetworkClassifier, NetworkRegressor
from nnaccel.estimators.softmax import SoftmaxRegression

__all__ = [
    "CollinearityWarning",
    "ConvNetClassifier",
    "LinearRegression",
    "LogisticRegression",
    "MLPClassifier",
    "MLPRegressor",
    "NetworkClassifier",
    "NetworkRegressor",
    "SeparationWarning",
    "SoftmaxRegression",
]

if not typing.TYPE_CHECKING:  # to a type checker any name would be there
    __getattr__ = _foreign.missing(__name__, __all__)
