"""Models as ONNX files, in and out.

`EXPORTS` maps a layer's class to the function that writes it, `LOADS` an operator to the function
that reads it: a layer of one's own joins by an entry.
"""

from nnaccel.interop.onnx.export import export
from nnaccel.interop.onnx.load import Loaded, load
from nnaccel.interop.onnx.operators import LOADS
from nnaccel.interop.onnx.writers import EXPORTS

__all__ = ["EXPORTS", "LOADS", "Loaded", "export", "load"]
