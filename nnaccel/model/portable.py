"""Models as files: nnaccel's own, ONNX, and weights of other libraries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nnaccel.interop import onnx, weights
from nnaccel.model.saved_state import Restorable
from nnaccel.training import checkpoint as files


class Portable(Restorable):
    """A network that goes into files, and takes and gives weights."""

    def save(self, path: str | Path) -> None:
        """Save architecture, weights and the state of training to a safetensors file.

        Parameters
        ----------
        path : str or Path
            Replaced atomically if it exists.

        Raises
        ------
        ValueError
            If the name ends in '.onnx', which `export` writes.
        RuntimeError
            If the model is not built.
        OSError
            If the file cannot be written, or exists and is no model file.
        """
        if Path(path).suffix.lower() == ".onnx":
            raise ValueError(f"{path}: save writes safetensors files, export those of ONNX")
        files.write(path, *self.state())

    def export(self, path: str | Path) -> None:
        """Write the model to an ONNX file, for other libraries and runtimes.

        It computes what `predict` does for floats: dropout and noise do nothing, and whole numbers
        have to be scaled as in training. Its weights are float32, and any number of rows goes in.

        Parameters
        ----------
        path : str or Path
            Ends in '.onnx'; replaced atomically if it exists.

        Raises
        ------
        ModuleNotFoundError
            If the package onnx is not installed: ``pip install onnx``.
        RuntimeError
            If the model is not built.
        TypeError
            If ONNX has no operator for a layer; the message names it.
        ValueError
            If the name does not end in '.onnx', or the file would be larger than 2 GiB.
        """
        onnx.export(self, path)

    def load_weights(self, source: Any, *, by: str = "auto", strict: bool = True) -> list[str]:
        """Take the weights of a model with the same layers, trained in PyTorch or Keras.

        Arrays whose axes have another order there are transposed: filters, dense weights, and the
        rows that a dense layer has for the pixels of Keras's images (H, W, C). Settings are no
        weights: give the layers the same, such as ``epsilon``, which is 1e-5 in PyTorch's
        normalisation layers, and 1e-3 here and in Keras.

        Parameters
        ----------
        source : dict or path
            ``module.state_dict()`` of PyTorch; or a file of it, .safetensors or .pt (which is read
            without running code); or a .weights.h5 or .keras file of Keras.
        by : {'auto', 'name', 'order'}, default 'auto'
            Whether layers are found by name or by order (in Keras's files, among layers of a
            kind); 'auto' takes names if all layers' are there.
        strict : bool, default True
            Whether everything must fit; if not, what fits is taken.

        Returns
        -------
        list of str
            What did not fit, a sentence each; empty if everything did.

        Raises
        ------
        ValueError
            If something does not fit and `strict` is true; nothing is changed then.
        RuntimeError
            If the model is not built.
        ModuleNotFoundError
            If the package that reads such a file is not installed.
        CheckpointError
            If the file is damaged, or could run code.

        Examples
        --------
        >>> import numpy as np
        >>> import nnaccel as nn
        >>> model = nn.Sequential([nn.Dense(2)])
        >>> model.build((3,))
        >>> model.load_weights({"0.weight": np.ones((2, 3)), "0.bias": np.zeros(2)})
        []
        """
        self._require_idle("load_weights")
        with self.on_backend():
            left = weights.load(self, source, by, strict)
            self._begin_average()
            return left

    def save_weights(self, target: Any, *, like: Any = None, by: str = "auto") -> None:
        """Give this model's weights to a model with the same layers in PyTorch or Keras.

        It undoes `load_weights`: names, shapes and the order of axes are those of the other
        library. `save` keeps a whole model for nnaccel.

        Parameters
        ----------
        target : dict or path
            ``module.state_dict()`` of PyTorch, whose tensors are filled, and with them the module;
            or a file to write, .safetensors, .pt, .weights.h5 or .keras, replaced atomically if it
            exists.
        like : dict or path, optional
            Needed for a file: a state dict, or another file of the same library, from which names
            and shapes are taken; of Keras a file of the same kind.
        by : {'auto', 'name', 'order'}, default 'auto'
            As for `load_weights`.

        Raises
        ------
        ValueError
            If the layers there are not those here, or the file's name ends otherwise.
        TypeError
            If `like` is missing for a file, or given for a dict.
        RuntimeError, ModuleNotFoundError, CheckpointError
            As for `load_weights`.

        Examples
        --------
        >>> import numpy as np
        >>> import nnaccel as nn
        >>> model = nn.Sequential([nn.Dense(2, use_bias=False)])
        >>> model.build((3,))
        >>> state = {"0.weight": np.zeros((2, 3))}  # of torch.nn.Linear(3, 2, bias=False)
        >>> model.save_weights(state)
        >>> bool((state["0.weight"] == model.layers[0].params["w"].T).all())
        True
        """
        weights.save(self, target, like, by)
