"""Other libraries' files and modules: ONNX, PyTorch, Keras; each imported only when used."""

import importlib
import typing

if not typing.TYPE_CHECKING:

    def __getattr__(name: str) -> typing.Any:
        """Import `torch`, which this package does not load by itself."""
        if name != "torch":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
        return importlib.import_module(f"{__name__}.torch")
