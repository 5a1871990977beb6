"""Imports go down the tiers, in no cycle, and importing nnaccel is light."""

from __future__ import annotations

import ast
import inspect
import itertools
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import nnaccel
from nnaccel import optim

from .processes import ROOT, python

# Lowest first: a room imports from the tiers below its own, and from its own tier as long as no
# module is part of a cycle. A room is a module or subpackage of nnaccel, the kernels, or the root.
TIERS = [
    ["nnaccel_kernels"],
    ["_html", "_interrupt", "_text"],
    ["_config", "_foreign", "_validate"],
    ["backends"],
    ["ops"],
    ["layers", "optim"],
    ["network"],
    ["training"],
    ["interop"],
    ["model"],
    ["bench", "conformance", "data", "distributed", "estimators", "filters", "plot", "testing"],
    ["cli"],
    ["__main__"],
    ["nnaccel"],
]
RANK = {room: rank for rank, rooms in enumerate(TIERS) for room in rooms}

KERNELS_MAY_IMPORT = {"nnaccel_kernels", "numpy", "numba", "llvmlite", *sys.stdlib_module_names}
# Inside functions, for CuPy's arrays; "cuda" is NVIDIA's finder of the libraries it came with.
KERNELS_MAY_IMPORT |= {"cupy", "cupyx", "cuda"}
# Inside a function, for arrays of libraries that have no namespace of the array API's functions.
KERNELS_MAY_IMPORT |= {"array_api_compat"}

ENVIRONMENT = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}

HEAVY = {"numba", "llvmlite", "cupy", "scipy", "sklearn", "matplotlib", "rich", "click", "pooch"}
HEAVY |= {"safetensors", "PIL", "array_api_compat", "onnx", "torch", "h5py"}


def find_modules() -> dict[str, Path]:
    """Map every module's dotted name to its file."""
    found = {}
    for source_root, package in ((ROOT, "nnaccel"), (ROOT / "kernels", "nnaccel_kernels")):
        for path in sorted((source_root / package).rglob("*.py")):
            parts = path.relative_to(source_root).with_suffix("").parts
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


MODULES = find_modules()


@cache
def parsed() -> dict[str, ast.Module]:
    return {name: ast.parse(path.read_text("utf-8")) for name, path in MODULES.items()}


def imports(module: str, tree: ast.AST) -> Iterator[str]:
    """Yield the absolute name of all that `module` imports, at any depth of its code."""
    is_package = module in MODULES and MODULES[module].name == "__init__.py"
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module=base, names=names, level=level):
                if level:
                    parents = module.split(".")
                    parents = parents[: len(parents) - level + is_package]
                    base = ".".join([*parents, base] if base else parents)
                for name in names:
                    submodule = f"{base}.{name.name}"
                    yield submodule if submodule in MODULES else str(base)
            case ast.Call(func=ast.Name(id="import_module" | "__import__"), args=[name, *_]) | (
                ast.Call(func=ast.Attribute(attr="import_module"), args=[name, *_])
            ) if isinstance(name, ast.Constant):
                yield str(name.value)


def room(module: str) -> str:
    """`nnaccel.ops.dense` is in `ops`; `nnaccel` and `nnaccel_kernels.cpu` are in themselves."""
    package, *inner = module.split(".")
    return inner[0] if inner and package == "nnaccel" else package


def is_allowed(importer: str, imported: str) -> bool:
    """Whether the edge goes to a lower tier, or stays in its own."""
    return RANK[room(imported)] <= RANK[room(importer)]


def internal_edges() -> list[tuple[str, str]]:
    return [
        (importer, imported)
        for importer, tree in parsed().items()
        for imported in imports(importer, tree)
        if imported.partition(".")[0] in ("nnaccel", "nnaccel_kernels")
    ]


def test_the_tiers_are_the_rooms_there_are() -> None:
    assert {room(module) for module in MODULES} == set(RANK)


def test_every_import_goes_down() -> None:
    wrong = [f"{a} imports {b}" for a, b in internal_edges() if not is_allowed(a, b)]
    assert not wrong, "\n".join(wrong)


def test_no_module_is_part_of_a_cycle() -> None:
    graph: dict[str, set[str]] = {}
    for importer, imported in internal_edges():
        graph.setdefault(importer, set()).add(imported)
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the cycle


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("nnaccel.ops.dense", "from nnaccel.layers import dense"),
        ("nnaccel.ops.dense", "from ..model import sequential"),
        ("nnaccel.ops.dense", "def f():\n    import nnaccel.optim"),
        (
            "nnaccel.ops.dense",
            "if TYPE_CHECKING:\n    from nnaccel.model.sequential import Sequential",
        ),
        ("nnaccel.ops.dense", "from nnaccel import Dense"),
        ("nnaccel.ops.dense", "importlib.import_module('nnaccel.training.loop')"),
        ("nnaccel.training.losses", "from nnaccel.model import sequential"),
        ("nnaccel.cli", "import nnaccel"),
        ("nnaccel_kernels.cpu.dense", "from nnaccel import _config"),
    ],
)
def test_the_walk_catches(module: str, source: str) -> None:
    assert not all(is_allowed(module, imported) for imported in imports(module, ast.parse(source)))


def test_kernels_stand_alone() -> None:
    wrong = [
        f"{module} imports {imported}"
        for module, tree in parsed().items()
        if room(module) == "nnaccel_kernels"
        for imported in imports(module, tree)
        if imported.partition(".")[0] not in KERNELS_MAY_IMPORT
        and not (module.startswith("nnaccel_kernels.torch") and imported.startswith("torch"))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("room", ["ops", "layers", "training.callbacks"])
def test_a_room_offers_what_its_files_do(room: str) -> None:
    package = import_module(f"nnaccel.{room}")
    files = [name for name in MODULES if name.rpartition(".")[0] == package.__name__]
    offered = [getattr(import_module(name), "__all__", []) for name in files]
    # Of layers, but reached from nnaccel itself.
    aside = {"L1", "L1L2", "L2", "Penalty", "Constraint", "MaxNorm", "NonNegative"}
    assert set(package.__all__) == {*itertools.chain(*offered)} - aside
    if room != "ops":
        assert set(package.__all__) | aside <= set(nnaccel.__all__)


def test_all_public_names_are_there() -> None:
    for room in (nnaccel, nnaccel.ops, nnaccel.layers, optim, nnaccel.losses, nnaccel.metrics):
        assert len(set(room.__all__)) == len(room.__all__)
        for name in room.__all__:
            getattr(room, name)


@pytest.mark.parametrize(
    ("room", "base", "registry"),
    [
        (optim, optim.Optimizer, optim.OPTIMIZERS),
        (nnaccel.losses, nnaccel.losses.Loss, nnaccel.losses.LOSSES),
        (nnaccel.metrics, nnaccel.metrics.Metric, nnaccel.metrics.METRICS),
    ],
)
def test_a_registry_holds_every_class_of_its_room(room: Any, base: Any, registry: Any) -> None:
    found = {
        thing
        for name in MODULES
        if name.startswith(f"{room.__name__}.") and "._" not in name
        for thing in vars(import_module(name)).values()
        if isinstance(thing, type) and issubclass(thing, base) and not inspect.isabstract(thing)
        if "._" not in thing.__module__
    }
    assert found == set(registry.values())


def test_only_config_reads_the_environment() -> None:
    readers = {
        module
        for module, tree in parsed().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute | ast.alias)
        and (node.attr if isinstance(node, ast.Attribute) else node.name) in ENVIRONMENT
    }
    assert readers <= {"nnaccel._config"}


def test_importing_nnaccel_is_light() -> None:
    code = f"import sys, nnaccel; print(*sys.modules.keys() & {HEAVY})"
    done = python("-c", code)
    assert (done.returncode, done.stdout.split()) == (0, []), done.stderr
