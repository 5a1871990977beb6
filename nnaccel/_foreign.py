"""What names of Keras, PyTorch and scikit-learn are called here."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping
from typing import NoReturn

#: Attributes of `nnaccel` and its rooms, as they are reached from `nn`.
ATTRIBUTES = {
    "Linear": "Dense",
    "Conv2d": "Conv2D",
    "ConvTranspose2d": "Conv2DTranspose",
    "Conv1d": "Conv1D",
    "MaxPooling1D": "MaxPool1D",
    "MaxPool1d": "MaxPool1D",
    "AveragePooling1D": "AvgPool1D",
    "AvgPool1d": "AvgPool1D",
    "MaxPooling2D": "MaxPool2D",
    "MaxPool2d": "MaxPool2D",
    "AveragePooling2D": "AvgPool2D",
    "AvgPool2d": "AvgPool2D",
    "GlobalAveragePooling2D": "GlobalAvgPool2D",
    "AdaptiveAvgPool2d": "GlobalAvgPool2D",
    "GlobalMaxPooling2D": "GlobalMaxPool2D",
    "AdaptiveMaxPool2d": "GlobalMaxPool2D",
    "BatchNormalization": "BatchNorm",
    "BatchNorm1d": "BatchNorm",
    "BatchNorm2d": "BatchNorm",
    "SyncBatchNorm": "BatchNorm(synchronized=True)",
    "LayerNormalization": "LayerNorm",
    "Unflatten": "Reshape",
    "GroupNormalization": "GroupNorm",
    "Upsample": "UpSampling2D",
    "UpsamplingNearest2d": "UpSampling2D",
    "ZeroPadding2D": "ZeroPad2D",
    "ZeroPad2d": "ZeroPad2D",
    "Add": "Parallel",
    "Multiply": "Parallel",
    "Concatenate": "Parallel",
    "SkipConnection": "Residual",
    "Sigmoid": "Activation('sigmoid')",
    "Tanh": "Activation('tanh')",
    "GELU": "Activation('gelu')",
    "SiLU": "Activation('swish')",
    "SELU": "Activation('selu')",
    "Mish": "Activation('mish')",
    "Identity": "Activation('linear')",
    "Hardswish": "Activation('hard_swish')",
    "Softplus": "Activation('softplus')",
    "LogSoftmax": "Activation('log_softmax')",
    "Module": "Layer",
    "Model": "Sequential",
    "models": "Sequential",
    "load_model": "load",
    "optimizers": "optim",
    "SGD": "optim.SGD",
    "RMSprop": "optim.RMSprop",
    "RMSProp": "optim.RMSprop",
    "Adagrad": "optim.Adagrad",
    "Adam": "optim.Adam",
    "AdamW": "optim.AdamW",
    "Lion": "optim.Lion",
    "lr_scheduler": "schedules",
    "regularizers": "penalties",
    "NonNeg": "NonNegative",
    "l1": "L1",
    "l2": "L2",
    "init": "initializers",
    "functional": "ops",
    "activations": "ops",
    "datasets": "data",
    "Augment": "data.Augment",
    "ImageDataGenerator": "data.Augment",
    "RandomCrop": "data.Augment",
    "RandomFlip": "data.Augment",
    "RandomHorizontalFlip": "data.Augment",
    "RandomRotation": "data.Augment",
    "RandomTranslation": "data.Augment",
    "RandomZoom": "data.Augment",
    "load_digits": "data.digits",
    "LearningRateScheduler": "schedules",
    "LRFinder": "find_learning_rate",
    "lr_finder": "find_learning_rate",
    "init_process_group": "distributed.init",
    "CrossEntropyLoss": "losses.CategoricalCrossentropy",
    "SparseCategoricalCrossentropy": "losses.CategoricalCrossentropy",
    "BCELoss": "losses.BinaryCrossentropy",
    "BCEWithLogitsLoss": "losses.BinaryCrossentropy",
    "MSELoss": "losses.MeanSquaredError",
    "HuberLoss": "losses.Huber",
    "SmoothL1Loss": "losses.Huber",
    "L1Loss": "losses.MeanAbsoluteError",
    "KLDivLoss": "losses.KLDivergence",
    "PoissonNLLLoss": "losses.Poisson",
    "MLPClassifier": "estimators.MLPClassifier",
    "MLPRegressor": "estimators.MLPRegressor",
    "LinearRegression": "estimators.LinearRegression",
    "LogisticRegression": "estimators.LogisticRegression",
}

#: Keyword arguments: of the names given, the one that the function takes.
ARGUMENTS: dict[str, tuple[str, ...]] = {
    "strides": ("stride",),
    "dilation_rate": ("dilation",),
    "dim": ("axis",),
    "kernel_initializer": ("initializer",),
    "kernel_regularizer": ("penalty",),
    "kernel_constraint": ("constraint",),
    "depth_multiplier": ("multiplier",),
    "bias": ("use_bias",),
    "out_features": ("units",),
    "out_channels": ("filters",),
    "kernel_size": ("pool_size",),
    "p": ("rate",),
    "eps": ("epsilon",),
    "negative_slope": ("alpha",),
    "lr": ("learning_rate",),
    "learning_rate_init": ("learning_rate",),
    "alpha": ("rho",),
    "nb_epoch": ("epochs",),
    "n_epochs": ("epochs",),
    "max_iter": ("epochs",),
    "filepath": ("path",),
    "filename": ("path",),
    "criterion": ("loss",),
    "X": ("x",),
    "sample_weights": ("sample_weight",),
    "log_dir": ("folder",),
    "zoom": ("scale",),
    "degrees": ("rotate",),
    "translate": ("shift",),
    "horizontal_flip": ("flip",),
}

#: Names in quotes, as of losses, metrics, activations and initialisers.
STRINGS: dict[str, tuple[str, ...]] = {
    "acc": ("accuracy",),
    "categorical_accuracy": ("accuracy",),
    "sparse_categorical_accuracy": ("accuracy",),
    "top_k_accuracy": ("top_k_categorical_accuracy",),
    "sparse_top_k_categorical_accuracy": ("top_k_categorical_accuracy",),
    "f1_score": ("f1",),
    "roc_auc": ("auc",),
    "r2_score": ("r2",),
    "root_mean_squared_error": ("rmse",),
    "crossentropy": ("categorical_crossentropy",),
    "cross_entropy": ("categorical_crossentropy",),
    "nll_loss": ("categorical_crossentropy",),
    "log_loss": ("categorical_crossentropy",),
    "bce": ("binary_crossentropy",),
    "squared_error": ("mse",),
    "mse_loss": ("mse",),
    "absolute_error": ("mae",),
    "l1_loss": ("mae",),
    "logcosh": ("log_cosh",),
    "kld": ("kl_divergence",),
    "kl_div": ("kl_divergence",),
    "identity": ("linear",),
    "logistic": ("sigmoid",),
    "leakyrelu": ("leaky_relu",),
    "silu": ("swish",),
    "hard_silu": ("hard_swish",),
    "hardswish": ("hard_swish",),
    "kaiming_normal": ("he_normal",),
    "kaiming_uniform": ("he_uniform",),
    "xavier_normal": ("glorot_normal",),
    "xavier_uniform": ("glorot_uniform",),
    "random_normal": ("normal",),
    "random_uniform": ("uniform",),
}

_SHAPE = (
    "leave it out: the first batch gives the shape, or model.build((20,)), without a batch axis"
)
_RANKS = "give fit distributed=nn.distributed.init()"
_MIXED = "give Sequential dtype='mixed_float16'"
_SEED = "give Sequential(layers, seed=0)"
_SEQUENCES = "recurrent layers, attention and embeddings are not here; Conv1D takes sequences"
#: What to do where there is no such argument or attribute, by any name.
REMEDIES = {
    "input_shape": _SHAPE,
    "batch_input_shape": _SHAPE,
    "input_dim": _SHAPE,
    "in_features": _SHAPE,
    "in_channels": _SHAPE,
    "num_features": _SHAPE,
    "Input": _SHAPE,
    "InputLayer": _SHAPE,
    "data_format": "images are (n, channels, rows, columns) here: give x.transpose(0, 3, 1, 2)",
    "betas": "give beta_1 and beta_2",
    "verbose": "leave it out: only fit prints",
    "decay": "give learning_rate a schedule of nn.schedules",
    "l2": "give the layers penalty=nn.L2(…)",
    "learning_rate_factor": "set it afterwards, as in layer.learning_rate_factor = 0.1",
    "trainable": "set it afterwards, as in layer.trainable = False",
    "weight_decay": "AdamW and Lion take it; layer.weight_decay = False leaves a layer out",
    "class_weight": "give sample_weight, a weight for each row",
    "C": "give alpha, which is the larger the smaller C is",
    "gamma": "kernels of support vectors are not here",
    "to_categorical": "labels are taken as they are, as integers or one-hot",
    "one_hot": "labels are taken as they are, as integers or one-hot",
    "DataLoader": "fit takes arrays and batch_size, or any iterable of (x, y) batches",
    "TensorDataset": "fit takes arrays and batch_size, or any iterable of (x, y) batches",
    "Tensor": "arrays are NumPy's, or nn.xp's on another backend",
    "tensor": "arrays are NumPy's, or nn.xp's on another backend",
    "no_grad": "leave it out: gradients are kept only where backward is asked for",
    "device": "the environment variable NNACCEL_BACKEND, or nn.set_backend, says where to compute",
    "cuda": "the environment variable NNACCEL_BACKEND, or nn.set_backend, says where to compute",
    "train_test_split": "take sklearn.model_selection.train_test_split",
    "DistributedDataParallel": _RANKS,
    "DataParallel": _RANKS,
    "autocast": _MIXED,
    "GradScaler": _MIXED,
    "mixed_precision": _MIXED,
    "LSTM": _SEQUENCES,
    "GRU": _SEQUENCES,
    "RNN": _SEQUENCES,
    "SimpleRNN": _SEQUENCES,
    "Bidirectional": _SEQUENCES,
    "TimeDistributed": _SEQUENCES,
    "Embedding": _SEQUENCES,
    "MultiheadAttention": _SEQUENCES,
    "MultiHeadAttention": _SEQUENCES,
    "Lambda": "write a layer of your own, a class (docs/guides/own-pieces.md)",
    "Parameter": "a layer of your own names its parameters in parameter_specs "
    "(docs/guides/own-pieces.md)",
    "manual_seed": _SEED,
    "set_random_seed": _SEED,
    "BackupAndRestore": "give fit checkpoint='run.safetensors', resume=True",
    "save": "take model.save(path)",
    "onnx": "take model.export('model.onnx'), nn.load('model.onnx')",
    "LBFGS": "take model.fit_lbfgs(x, y)",
    "validation_steps": "validation_data is used whole: give a part of it",
}

#: Methods of models.
METHODS = {
    "predict_proba": "predict gives the probabilities",
    "predict_classes": "take predict(x).argmax(axis=1)",
    "score": "evaluate gives the loss and the metrics",
    "fit_generator": "fit takes any iterable of (x, y) batches",
    "parameters": "weights is all of them in one array, get_weights() a list of arrays",
    "state_dict": "get_weights() is a list of arrays; save_weights(state) fills one of PyTorch's",
    "load_state_dict": "load_weights takes the state_dict of a PyTorch module",
    "predict_on_batch": "predict takes a batch too",
    "train_step": "train_on_batch makes a step",
    "backward": "forward(x) returns the outputs and their backward",
    "to_onnx": "export(path) writes ONNX",
    "freeze": "set trainable = False, of each layer that is to stay",
    "requires_grad_": "set trainable = False, of each layer that is to stay",
    "zero_grad": "leave it out: backward overwrites the gradients",
    "eval": "leave it out: only fit, and forward(x, training=True), train",
    "train": "fit trains; forward(x, training=True) runs layers as in training",
    "cuda": "to('cupy') moves the model",
    "cpu": "to('numba') moves the model",
}


def refuse_arguments(owner: str, unknown: Collection[str], known: Collection[str]) -> None:
    """Raise a TypeError if there are unknown arguments, with what the first is called here."""
    for name in unknown:
        hint = _hint(name, known, ARGUMENTS) or f": it takes {', '.join(known) or 'none'}"
        raise TypeError(f"{owner} has no argument {name!r}{hint}")


def refuse_attribute(owner: str, name: str, known: Collection[str]) -> NoReturn:
    """Raise the AttributeError of a setting that is not there, with what it is called here."""
    hint = _hint(name, known, ARGUMENTS) or f": it has {', '.join(known)}"
    raise AttributeError(f"{owner} has no attribute {name!r}{hint}")


def missing(module: str, known: Collection[str]) -> Callable[[str], NoReturn]:
    """Return a module's `__getattr__`, which says what a name that is not there is called here."""

    def refuse(name: str) -> NoReturn:
        meant = ATTRIBUTES.get(name)
        hint = _hint(name, known, {}) if meant is None else f": it is called nn.{meant} here"
        raise AttributeError(f"module {module!r} has no attribute {name!r}{hint}", name=name)

    return refuse


def refuse_method(owner: str, name: str) -> NoReturn:
    """Raise the AttributeError of a name that models have elsewhere, with what to do here."""
    hint = f": {METHODS[name]}" if name in METHODS else ""
    raise AttributeError(f"{owner!r} object has no attribute {name!r}{hint}", name=name)


def string_here(name: object, choices: Collection[str]) -> str | None:
    """Return what a name in quotes is called among `choices`, if it has another name there."""
    meant = STRINGS.get(str(name).lower(), ())
    return next((here for here in meant if here in choices), None)


def _hint(name: str, known: Collection[str], table: Mapping[str, tuple[str, ...]]) -> str:
    """Return what to do instead, to follow on an error's text."""
    meant = next((here for here in table.get(name, ()) if here in known), None)
    if meant is not None:
        return f": it is called {meant!r} here"
    if name in REMEDIES:
        return f": {REMEDIES[name]}"
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    return f": did you mean {near[0]!r}?" if near else ""
