"""Chains of thousands of layers: nothing takes a time that grows as the square of their number."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nnaccel import explain
from nnaccel.layers import Dense
from nnaccel.model.loading import load
from nnaccel.model.sequential import Sequential

#: Looks at any attribute of any `Watched` so far.
looks = [0]


class Watched(Dense):
    """A Dense layer that counts how often it is looked at."""

    def __getattribute__(self, name: str) -> Any:
        looks[0] += 1
        return super().__getattribute__(name)

    def __eq__(self, other: object) -> bool:
        looks[0] += 1
        return self is other

    def __hash__(self) -> int:
        return id(self)


def layers(count: int) -> list[Watched]:
    return [Watched(1) for _ in range(count)]


def add(model: Sequential, path: Path) -> None:
    chain = Sequential(seed=0)
    for layer in layers(len(model)):
        chain.add(layer)


def construct_and_build(model: Sequential, path: Path) -> None:
    Sequential(layers(len(model)), seed=0).build((1,))


def save_and_load(model: Sequential, path: Path) -> None:
    model.save(path)
    load(path, custom_objects={"Watched": Watched})


DEEDS: dict[str, Callable[[Sequential, Path], Any]] = {
    "construct and build": construct_and_build,
    "add": add,
    "save and load": save_and_load,
    "explain": lambda model, path: str(explain(model)),
    "summary": lambda model, path: model.summary(lambda _: None),
    "copy": lambda model, path: copy.deepcopy(model),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_twice_the_layers_are_twice_the_work(deed: str, tmp_path: Path) -> None:
    def work(count: int) -> int:
        model = Sequential(layers(count), seed=0)
        model.build((1,))
        looks[0] = 0
        DEEDS[deed](model, tmp_path / "m")
        return looks[0]

    assert work(120) <= 2.1 * work(60)


def test_a_layer_renamed_before_the_build_has_a_name_of_its_own() -> None:
    model = Sequential([Dense(1), Dense(1)])
    model.layers[0].name = "dense_1"
    model.build((1,))
    assert [layer.name for layer in model.layers] == ["dense_1", "dense_1_1"]
