"""Digits on disturbed pages are read nearly as often as on clean ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import nnaccel as nn
from nnaccel.data.pictures import load_image

from . import pages

COUNT = 60
#: Of so many pages, how many fewer are read than of clean ones.
ALLOWED = 3

Count = Callable[[pages.Disturb | None], int]


@pytest.fixture(scope="module")
def model(real_mnist: Any) -> Any:
    """Train on a part of MNIST for a few seconds."""
    (x, y), _ = real_mnist
    layers = [nn.Flatten(), nn.Dense(128, "relu"), nn.Dense(10, "softmax")]
    model = nn.Sequential(layers, seed=0)
    model.compile(loss="sparse_categorical_crossentropy", optimizer="adam")
    model.fit(x[:20_000], y[:20_000], epochs=4, verbose=0)
    return model


@pytest.fixture(scope="module")
def count_right(real_mnist: Any, model: Any, tmp_path_factory: pytest.TempPathFactory) -> Count:
    """Count the pages that are read rightly: half of MNIST and half drawn, every other one dark."""
    path = tmp_path_factory.mktemp("pages") / "page.png"
    _, (x, y) = real_mnist

    def count(disturb: pages.Disturb | None) -> int:
        images, labels = [], []
        for i in range(COUNT):
            rng = np.random.default_rng(i)
            ink = x[i] / 255 if i < COUNT // 2 else pages.drawn(i % 10, rng)
            labels.append(int(y[i]) if i < COUNT // 2 else i % 10)
            page = pages.on_page(ink, rng)
            page = disturb(page, rng) if disturb else page
            page = page + rng.normal(0, 3, page.shape)  # the grain of paper and camera
            images.append(read(255 - page if i % 2 else page, path))
        return int((model.predict(np.stack(images)).argmax(1) == labels).sum())

    return count


@pytest.fixture(scope="module")
def clean(count_right: Count) -> int:
    return count_right(None)


def read(page: pages.Page, path: Path) -> NDArray[np.uint8]:
    Image.fromarray(np.clip(np.rint(page), 0, 255).astype(np.uint8)).save(path)
    return load_image(path)


@pytest.mark.slow
@pytest.mark.parametrize("name", pages.DISTURBANCES)
def test_a_disturbed_page_is_read_as_a_clean_one(name: str, clean: int, count_right: Count) -> None:
    assert clean >= 50
    assert count_right(pages.DISTURBANCES[name]) >= clean - ALLOWED
