"""Pictures of the ladder's pages: the figure that a block of a script ends with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst


def figures(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """Save the value of the block's last line, if it is a figure, and show it there."""
    value = block_vars["example_globals"].get("___")
    if not isinstance(value, Figure):
        return ""
    path = Path(next(block_vars["image_path_iterator"]))
    value.savefig(path, dpi=110)
    block_vars["example_globals"]["___"] = None
    return str(figure_rst([str(path)], gallery_conf["src_dir"]))
