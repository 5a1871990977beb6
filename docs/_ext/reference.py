"""The reference: one page for each public module, one for each class and function in it.

Names come from the modules themselves, so that what is added there is added here.
"""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import nnaccel

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config

#: Public modules within modules.
FURTHER = ("interop.onnx", "interop.torch")


def modules() -> dict[str, ModuleType]:
    """Public modules by the name they are used by: `losses` for `nnaccel.losses`."""
    found = {name: getattr(nnaccel, name) for name in dir(nnaccel) if not name.startswith("_")}
    rooms = {
        name: value
        for name, value in found.items()
        if inspect.ismodule(value) and value.__name__.startswith("nnaccel.") and names(value)
    }
    for name in FURTHER:
        try:
            rooms[name] = importlib.import_module(f"nnaccel.{name}")
        except ModuleNotFoundError:  # of the library it is for
            continue
    return rooms


def names(module: ModuleType) -> list[str]:
    """Public classes and functions of a module."""
    listed = getattr(module, "__all__", None)
    if listed is None:
        members = vars(module).items()
        listed = [n for n, v in members if getattr(v, "__module__", "") == module.__name__]
    public = (name for name in listed if not name.startswith("_"))
    kinds = inspect.isclass, inspect.isfunction
    return sorted(n for n in public if any(kind(getattr(module, n)) for kind in kinds))


def pages() -> dict[str, str]:
    """Text of each page, by its name; `index` has the contents."""
    rooms = modules()
    inside = {name for module in rooms.values() for name in names(module)}
    top = [name for name in names(nnaccel) if name not in inside]
    found = {
        name: _page(f"nnaccel.{name}", module, names(module)) for name, module in rooms.items()
    }
    found["nnaccel"] = _page("nnaccel", nnaccel, top)
    rows = [f"   nnaccel.{name} <{name}>" for name in sorted(rooms)]
    contents = "\n".join([".. toctree::", "   :maxdepth: 1", "", "   nnaccel", *rows])
    found["index"] = f"{_title('Reference')}\n\n{_INTRODUCTION}\n\n{contents}\n"
    return found


_INTRODUCTION = (
    "Every public name, from its docstring. Layers, penalties and callbacks are in `nnaccel` "
    "itself too: ``nn.Dense`` is ``nn.layers.Dense``."
)


def _page(name: str, module: ModuleType, members: list[str]) -> str:
    """A module's docstring, and a table of its members, each with a page of its own."""
    told = inspect.getdoc(module) or ""
    table = "\n".join([".. autosummary::", "   :toctree: names", "   :nosignatures:", ""])
    listed = "\n".join(f"   ~{name}.{member}" for member in members)
    return f"{_title(name)}\n\n{told}\n\n{table}\n{listed}\n"


def _title(text: str) -> str:
    return f"{text}\n{'=' * len(text)}"


def write(app: Sphinx, config: Config) -> None:
    """Write the pages that changed, so that the others need not be built again."""
    folder = Path(app.srcdir) / "reference"
    folder.mkdir(exist_ok=True)
    for name, text in pages().items():
        path = folder / f"{name}.rst"
        if not path.is_file() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Write them before Sphinx looks what pages there are."""
    app.connect("config-inited", write)
    return {"parallel_read_safe": True}
