"""Random changes of images: what they do, and that they are the same wherever training runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnaccel as nn
from nnaccel import _config
from nnaccel.backends import to_numpy
from nnaccel.data import Augment
from nnaccel.layers import Dense
from nnaccel.model.sequential import Sequential
from nnaccel.training.callbacks import LambdaCallback
from nnaccel_kernels import cpu

from ..distributed.threads import Group

rng = np.random.default_rng(0)
X = rng.random((12, 9, 8)).astype("float32")
Y = rng.integers(3, size=12)
ALL = Augment(shift=1, rotate=20, scale=0.2, elastic=1.0, flip=True, crop=1, cutout=2)


def trained(augment: Augment | None = ALL, **settings: Any) -> Sequential:
    model = Sequential([Dense(5, "tanh"), Dense(3, "softmax")], seed=0, dtype="float64")
    model.compile(optimizer="adam")
    model.fit(X, Y, augment=augment, **{"batch_size": 5, "epochs": 3, "verbose": 0, **settings})
    return model


def test_nothing_asked_changes_nothing(backend: Any) -> None:
    np.testing.assert_array_equal(Augment()(X, seed=3), X)


def test_an_image_depends_on_its_row_and_the_epoch_alone(backend: Any) -> None:
    changed = ALL(X, seed=1, epoch=2)
    np.testing.assert_array_equal(ALL(X[:4], seed=1, epoch=2), changed[:4])
    for other in (ALL(X, seed=2, epoch=2), ALL(X, seed=1, epoch=3)):
        assert all(np.abs(a - b).max() > 0.01 for a, b in zip(other, changed, strict=True))
    same = ALL(np.broadcast_to(X[:1], X.shape), seed=1)
    assert len(np.unique(same.reshape(12, -1), axis=0)) == 12


def test_flips_and_crops_are_exact(backend: Any) -> None:
    flipped = Augment(flip=True)(X)
    kinds = [
        [np.array_equal(f, x) for x in (image, image[:, ::-1])]
        for f, image in zip(flipped, X, strict=True)
    ]
    assert all(map(any, kinds))
    assert {tuple(kind) for kind in kinds} == {(True, False), (False, True)}
    padded = np.pad(X, ((0, 0), (2, 2), (2, 2)))
    seen = set()
    for image, wide in zip(Augment(crop=2)(X), padded, strict=True):
        places = [
            (i, j)
            for i in range(5)
            for j in range(5)
            if np.array_equal(image, wide[i : i + 9, j : j + 8])
        ]
        assert len(places) == 1
        seen |= set(places)
    assert len(seen) > 5


def test_channels_are_changed_alike(backend: Any) -> None:
    images = np.stack([X, 2 * X], axis=1)
    changed = ALL(images)
    np.testing.assert_allclose(changed[:, 1], 2 * changed[:, 0], rtol=1e-5)
    np.testing.assert_array_equal(changed[:, 0], ALL(X))


def test_sizes_of_changes_are_as_asked(backend: Any) -> None:
    lines = np.zeros((300, 41, 41))
    lines[:, 20] = 1.0
    turned = Augment(rotate=30)(lines)
    rise = turned[:, :, 35].argmax(axis=1) - turned[:, :, 5].argmax(axis=1)
    angles = np.degrees(np.arctan(rise / 30))
    assert np.abs(angles).max() == pytest.approx(30, abs=2)
    assert np.abs(angles.mean()) < 4
    moved = Augment(shift=3)(lines)
    at = (moved[:, :, 20] * np.arange(41)).sum(axis=1) - 20
    assert np.abs(at).max() == pytest.approx(3, abs=0.2)
    bent = Augment(elastic=1.5, smoothness=6)(lines)[:, :, 8:33]  # away from the zeros outside
    at = (bent * np.arange(41)[:, None]).sum(axis=1) / bent.sum(axis=1) - 20
    assert at.std() == pytest.approx(1.5, rel=0.2)
    ones = np.ones((200, 20, 20))
    cut = Augment(cutout=4)(ones)
    holes = (cut == 0).sum(axis=(1, 2))
    assert holes.max() == 16
    assert holes.min() >= 4


def test_training_sees_the_changed_images(backend: Any) -> None:
    """As if each epoch were trained on the images that the object makes of its rows."""
    model = trained(shuffle=False)
    given = Sequential([Dense(5, "tanh"), Dense(3, "softmax")], seed=0, dtype="float64")
    given.compile(optimizer="adam")
    for epoch in range(3):
        changed = ALL(X.astype("float64"), seed=0, epoch=epoch)
        given.fit(changed, Y, batch_size=5, shuffle=False, verbose=0)
    np.testing.assert_allclose(
        nn.to_numpy(model.weights), nn.to_numpy(given.weights), rtol=1e-6, atol=1e-9
    )


def test_it_is_the_same_on_every_backend_and_after_an_interruption(
    fast_backend: Any, tmp_path: Path
) -> None:
    whole = nn.to_numpy(trained().weights)
    with nn.use_backend("numpy"):
        np.testing.assert_allclose(whole, trained().weights, rtol=1e-6, atol=1e-9)

    def stop(epoch: int, logs: Any) -> None:
        if epoch == 1:
            raise KeyboardInterrupt

    path = tmp_path / "c.safetensors"
    with pytest.raises(KeyboardInterrupt):
        trained(checkpoint=path, callbacks=[LambdaCallback(on_epoch_begin=stop)])
    np.testing.assert_array_equal(nn.to_numpy(trained(checkpoint=path, resume=True).weights), whole)


def test_it_is_the_same_with_any_number_of_threads() -> None:
    images, before = rng.random((256, 28, 28)), _config.num_threads()
    found = []
    try:
        with nn.use_backend("numba"):
            for threads in (1, 3):
                cpu.set_num_threads(threads)
                found.append(ALL(images))
    finally:
        cpu.set_num_threads(before)
    np.testing.assert_array_equal(*found)


def test_images_of_whole_numbers_are_scaled_first(backend: Any) -> None:
    pixels = (X * 255).astype("uint8")
    model = Sequential([Dense(3, "softmax")], seed=0)
    model.compile()
    history = model.fit(pixels, Y, augment=Augment(shift=1), verbose=0, batch_size=12).history
    assert history["loss"][0] < 5


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Augment(shift=-1), "shift"),
        (lambda: Augment(2), r"by name, as in Augment\(shift=2\)"),
        (lambda: Augment(shft=2), "did you mean 'shift'"),
        (lambda: Augment(angle=2), "it takes shift, rotate"),
        (lambda: Augment(scale=1.5), "scale"),
        (lambda: Augment(smoothness=1), "smoothness"),
        (lambda: Augment(crop=1.5), "crop=1.5 must be a whole number"),
        (lambda: Augment(flip=0.3), "flip=0.3 must be True or False"),  # type: ignore[arg-type]
        (lambda: Augment()(X[0, 0]), "needs images"),
        (lambda: trained("shift"), "must be an Augment, such as"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_is_refused(call: Any, words: str) -> None:
    with pytest.raises((ValueError, TypeError), match=words):
        call()


def test_a_stream_is_changed_as_arrays_are(backend: Any, tmp_path: Path) -> None:
    """By the place of its rows in the epoch, also where an epoch is a part of the stream."""
    whole = trained(shuffle=False)
    batches = [(X[i : i + 5], Y[i : i + 5]) for i in range(0, 12, 5)]

    def streamed(epochs: int = 3, given: Any = batches, **how: Any) -> Sequential:
        model = Sequential([Dense(5, "tanh"), Dense(3, "softmax")], seed=0, dtype="float64")
        model.compile(optimizer="adam")
        model.fit(given, augment=ALL, epochs=epochs, verbose=0, **how)
        return model

    path = tmp_path / "run.safetensors"
    streamed(2, checkpoint=path)
    found = [
        streamed(),
        streamed(given=lambda: (batch for _ in range(9) for batch in batches), steps_per_epoch=3),
        streamed(checkpoint=path, resume=True),
    ]
    for model in found:
        np.testing.assert_array_equal(to_numpy(model.weights), to_numpy(whole.weights))
    still = trained(None, shuffle=False)
    assert np.abs(to_numpy(still.weights - whole.weights)).max() > 1e-4


def test_ranks_change_a_stream_alike() -> None:
    def train(comm: Any) -> Any:
        model = Sequential([Dense(5, "tanh"), Dense(3, "softmax")], seed=0, dtype="float64")
        model.compile(optimizer="adam")
        model.fit([(X[:7], Y[:7]), (X[7:], Y[7:])], augment=ALL, verbose=0, distributed=comm)
        return model.weights.copy()

    wanted = train(None)
    for found in Group(2, 2).run(train):
        np.testing.assert_allclose(found, wanted, rtol=1e-9)


def test_rows_are_refused() -> None:
    model = Sequential([Dense(3, "softmax")], seed=0)
    model.compile()
    with pytest.raises(ValueError, match=r"needs images \(N, H, W\)"):
        model.fit(X.reshape(12, -1), Y, augment=ALL, verbose=0)
    with pytest.raises(ValueError, match=r"needs images \(N, H, W\)"):
        model.fit([(X.reshape(12, -1), Y)], augment=ALL, verbose=0)
