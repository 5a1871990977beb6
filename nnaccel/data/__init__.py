"""Data sets: MNIST and its kin, CIFAR-10, digits, iris, spirals, your own files and tables."""

import typing

from nnaccel import _foreign
from nnaccel.data.cifar10 import cifar10
from nnaccel.data.csvdesign import read_design
from nnaccel.data.csvknown import InputRows, read_inputs
from nnaccel.data.dataset import Dataset
from nnaccel.data.design import Design
from nnaccel.data.embedded import digits, iris
from nnaccel.data.emnist import emnist
from nnaccel.data.errors import DataError, DataNotFoundError
from nnaccel.data.files import load
from nnaccel.data.idx import read_idx
from nnaccel.data.levels import TextColumn
from nnaccel.data.mnist import mnist
from nnaccel.data.mnist_like import fashion_mnist, kmnist
from nnaccel.data.named import load_named
from nnaccel.data.scaling import Scaling
from nnaccel.data.schema import Schema
from nnaccel.data.spirals import spirals
from nnaccel.training.augment import Augment

__all__ = [
    "Augment",
    "DataError",
    "DataNotFoundError",
    "Dataset",
    "Design",
    "InputRows",
    "Scaling",
    "Schema",
    "TextColumn",
    "cifar10",
    "digits",
    "emnist",
    "fashion_mnist",
    "iris",
    "kmnist",
    "load",
    "load_named",
    "mnist",
    "read_design",
    "read_idx",
    "read_inputs",
    "spirals",
]

if not typing.TYPE_CHECKING:  # to a type checker any name would be there
    __getattr__ = _foreign.missing(__name__, __all__)
