"""`nnaccel export`: a saved model as an ONNX file."""

from __future__ import annotations

from pathlib import Path

import click

from nnaccel.cli._common import debug_option, echo


@click.command("export", short_help="Write a saved model as an ONNX file.")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path), metavar="OUT.onnx")
@debug_option
def export_command(model: Path, out: Path) -> None:
    """Write MODEL, a file that `train --save` wrote, as OUT.onnx, for other libraries.

    It needs the package onnx: pip install onnx. What is beside the model, such as the
    names of a table's columns and their scale, is not in the ONNX file.
    """
    from nnaccel.cli._saved import Saved

    saved = Saved.read(model)
    saved.model.export(out)
    rows = " × ".join(map(str, saved.model.input_shape))
    scale = saved.model.input_scale.factor
    note = f"; whole numbers first times {scale:.6g}" if scale not in (None, 1.0) else ""
    echo(f"wrote {out}: takes float32 (N × {rows}){note}")
