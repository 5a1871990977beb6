"""Dense prediction: each pixel of outputs that are images is a row of loss and metrics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnaccel as nn
from nnaccel import losses
from nnaccel.backends import to_numpy

from ..distributed.threads import Group
from ..fake_cupy import backend  # noqa: F401
from ..registered import LOSSES, ending

RNG = np.random.default_rng(2)
N, CLASSES, SIZE = 11, 3, (5, 4)
X = RNG.normal(size=(N, 2, *SIZE))
MAPS = RNG.integers(0, CLASSES, (N, *SIZE))
WEIGHTS = RNG.uniform(0, 2, (N, *SIZE))


def network(loss: Any = "categorical_crossentropy", last: str = "softmax", **how: Any) -> Any:
    layers = [nn.Conv2D(4, 3, "tanh", padding="same"), nn.Conv2D(CLASSES, 1, last)]
    model = nn.Sequential(layers, **{"seed": 3, "dtype": "float64"} | how)
    model.compile(loss, nn.optim.SGD(0.5), ["accuracy", "precision", "confusion_matrix"])
    return model


def one_hot(maps: Any) -> np.ndarray:
    """(N, C, H, W)."""
    return np.eye(CLASSES)[maps].transpose(0, 3, 1, 2)


def pixels(maps: np.ndarray) -> np.ndarray:
    return maps.transpose(0, 2, 3, 1).reshape(-1, maps.shape[1])


SETTINGS = {
    **{loss: (lambda loss=loss: losses.get(loss)) for loss in LOSSES},
    "smoothed": lambda: losses.CategoricalCrossentropy(label_smoothing=0.1),
    "logits": lambda: losses.CategoricalCrossentropy(from_logits=True),
}


@pytest.mark.filterwarnings("ignore:accuracy is counted label by label")
@pytest.mark.parametrize("name", SETTINGS)
def test_every_loss_is_that_of_all_pixels(fast_backend: Any, name: str) -> None:
    loss = SETTINGS[name]()
    model = network(loss, "linear" if loss.from_logits else ending(loss.name))
    found = model.evaluate(X, one_hot(MAPS), return_dict=True)
    outputs = pixels(model.predict(X))
    each, _ = loss(*map(fast_backend.asarray, (outputs, pixels(one_hot(MAPS)))))
    assert found["loss"] == pytest.approx(float(to_numpy(each).mean()), rel=1e-6)
    hits = outputs.argmax(axis=1) == MAPS.reshape(-1)
    assert found["confusion_matrix"] == pytest.approx(hits.mean())
    if model.loss.takes == "classes":
        assert found["accuracy"] == pytest.approx(hits.mean())


@pytest.mark.parametrize("name", ["categorical_crossentropy", "focal", "smoothed", "logits"])
def test_the_loss_falls(backend: Any, name: str) -> None:  # noqa: F811
    loss = losses.get("focal") if name == "focal" else SETTINGS[name]()
    model = network(loss, "linear" if loss.from_logits else "softmax")
    history = model.fit(X, MAPS, epochs=3, batch_size=N, verbose=0).history["loss"]
    assert history[2] < history[1] < history[0]


def test_predictions_are_maps_of_probabilities(backend: Any) -> None:  # noqa: F811
    model = network()
    model.fit(X, MAPS, verbose=0)
    outputs = model.predict(X, batch_size=4)
    assert outputs.shape == (N, CLASSES, *SIZE)
    np.testing.assert_allclose(outputs.sum(axis=1), 1)
    np.testing.assert_allclose(to_numpy(model(X[:2])), outputs[:2])
    matrix = model._compiled.metrics[2]
    model.evaluate(X, MAPS)
    assert matrix.counts.sum() == MAPS.size


@pytest.mark.parametrize("loss", ["categorical_crossentropy", "focal"])
@pytest.mark.parametrize("how", ["in the layer", "a layer", "images in order"])
def test_gradients(loss: str, how: str) -> None:
    layers = {
        "in the layer": [nn.Conv2D(CLASSES, 3, "softmax", padding="same", penalty="l2")],
        "a layer": [nn.Conv2D(CLASSES, 3, padding="same"), nn.Softmax()],
        "images in order": [nn.Dense(CLASSES * 20), nn.Reshape((CLASSES, *SIZE)), nn.Softmax()],
    }[how]
    model = nn.Sequential(layers, seed=0, dtype="float64")
    model.compile(loss)
    nn.gradcheck(model, X, MAPS)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_over_channels(backend: Any, name: str) -> None:  # noqa: F811
    rows = pixels(X)
    for lay in (
        np.ascontiguousarray,
        lambda a: pixels(a).reshape(N, *SIZE, 2).transpose(0, 3, 1, 2),
    ):
        y, backward = nn.Activation(name).forward(backend.asarray(lay(X)))
        want, back = nn.Activation(name).forward(backend.asarray(rows))
        np.testing.assert_array_equal(pixels(to_numpy(y)), to_numpy(want))
        dx, dw = backward(backend.asarray(lay(X + 1)), True), back(backend.asarray(rows + 1), True)
        np.testing.assert_array_equal(pixels(to_numpy(dx)), to_numpy(dw))


def test_labels_and_one_hot_maps_are_one(backend: Any) -> None:  # noqa: F811
    given = MAPS, MAPS.astype(float), MAPS[:, None], one_hot(MAPS)
    weights = []
    for y in given:
        model = network()
        model.fit(X, y, batch_size=4, epochs=2, verbose=0)
        weights.append(to_numpy(model.weights))
    for other in weights[1:]:
        np.testing.assert_array_equal(other, weights[0])


def test_weights_of_images_pixels_and_classes(backend: Any) -> None:  # noqa: F811
    model = network()
    p = model.predict(X)
    each = -np.log(np.take_along_axis(p, MAPS[:, None], axis=1)[:, 0])
    by_image = WEIGHTS[:, 0, 0]
    found = [
        model.evaluate(X, MAPS, sample_weight=weights, batch_size=4)[0]
        for weights in (WEIGHTS, by_image)
    ]
    wanted = [(each * WEIGHTS).mean(), (each * by_image[:, None, None]).mean()]
    np.testing.assert_allclose(found, wanted)
    of_class = np.array([1.0, 5.0, 0.0])
    ways: list[Any] = [{"class_weight": {1: 5.0, 2: 0.0}}, {"sample_weight": of_class[MAPS]}]
    models = []
    for how in ways:
        models.append(network())
        models[-1].fit(X, MAPS, batch_size=4, verbose=0, **how)
    np.testing.assert_array_equal(to_numpy(models[0].weights), to_numpy(models[1].weights))


def test_pixels_of_weight_0_are_ignored() -> None:
    is_known = WEIGHTS > 1
    models = []
    for label in (0, 2):
        models.append(network())
        y = np.where(is_known, MAPS, label)
        models[-1].fit(X, y, sample_weight=is_known, class_weight="balanced", verbose=0)
    np.testing.assert_array_equal(models[0].weights, models[1].weights)


def test_one_channel_is_a_binary_map(backend: Any) -> None:  # noqa: F811
    model = nn.Sequential([nn.Conv2D(1, 1, "sigmoid")], seed=0, dtype="float64")
    model.compile("binary_crossentropy", "adam", ["accuracy", "auc"])
    y = MAPS > 1
    model.fit(X, y, verbose=0)
    p = model.predict(X)[:, 0]
    wanted = -np.where(y, np.log(p), np.log(1 - p)).mean()
    np.testing.assert_allclose(model.evaluate(X, y)[:2], [wanted, ((p > 0.5) == y).mean()])


def test_streams_and_batches_of_ones_own_are_as_arrays(backend: Any) -> None:  # noqa: F811
    batches = [(X[i : i + 4], MAPS[i : i + 4], WEIGHTS[i : i + 4]) for i in range(0, N, 4)]
    models = [network() for _ in range(3)]
    models[0].fit(X, MAPS, batch_size=4, shuffle=False, sample_weight=WEIGHTS, verbose=0)
    models[1].fit(batches, validation_data=batches, verbose=0)
    for x, y, w in batches:
        models[2].train_on_batch(x, y, sample_weight=w)
    for model in models[1:]:
        np.testing.assert_allclose(to_numpy(model.weights), to_numpy(models[0].weights), rtol=1e-9)
    np.testing.assert_allclose(models[0].evaluate(batches), models[1].evaluate(batches), rtol=1e-9)


@pytest.mark.parametrize("shards", [2, 4])
def test_ranks_train_as_one(shards: int) -> None:
    def train(comm: Any) -> Any:
        model = network()
        history = model.fit(
            X, MAPS, batch_size=4, epochs=2, sample_weight=WEIGHTS, verbose=0, distributed=comm
        )
        return model.get_weights(), history.history

    weights, history = train(None)
    for found, logs in Group(2, shards).run(train):
        for ours, theirs in zip(found, weights, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-9)
        for name, values in history.items():
            np.testing.assert_allclose(logs[name], values, rtol=1e-9)


def test_saved_and_resumed(tmp_path: Path) -> None:
    path, how = tmp_path / "maps.safetensors", {"batch_size": 4, "verbose": 0}
    whole, part = network(), network()
    whole.fit(X, MAPS, epochs=3, **how)
    part.fit(X, MAPS, epochs=2, checkpoint=path, **how)
    network().fit(X, MAPS, epochs=3, checkpoint=path, resume=True, **how)
    again = nn.load(path)
    np.testing.assert_array_equal(again.weights, whole.weights)
    np.testing.assert_array_equal(again.predict(X), whole.predict(X))


def test_a_small_network_learns_to_tell_squares() -> None:
    rng, n = np.random.default_rng(0), 200
    y, x = np.zeros((n, 12, 12), int), rng.normal(0, 0.5, (n, 12, 12)).astype("float32")
    for image, (down, across, label) in enumerate(rng.integers((0, 0, 1), (8, 8, 3), (n, 3))):
        y[image, down : down + 5, across : across + 5] = label
        x[image, down : down + 5, across : across + 5] += 1 if label == 1 else -1
    layers = [nn.Conv2D(8, 5, "relu", padding="same"), nn.Conv2D(3, 1, "softmax")]
    model = nn.Sequential(layers, seed=0)
    model.compile("sparse_categorical_crossentropy", nn.optim.Adam(0.02), metrics=["accuracy"])
    model.fit(x[:150], y[:150], epochs=6, verbose=0)
    _, accuracy = model.evaluate(x[150:], y[150:])
    assert (y == 0).mean() < 0.83 < 0.93 < accuracy


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (MAPS[:, :4], r"outputs are images \(3, 5, 4\) expected \(N, 3, 5, 4\) or \(N, 5, 4\)"),
        (MAPS.reshape(N, -1), "a label for each pixel"),
        (MAPS[:, 0, 0], "a label for each pixel"),
        (MAPS + 1, r"labels run from 1 to 3; .* weight 0 in sample_weight of shape \(11, 5, 4\)"),
        (MAPS - 0.5, r"whole-numbered labels, .* pixel \(0, 0\) of row 0 .* \(N, 3, H, W\)"),
        (np.where(np.indices(MAPS.shape).sum(axis=0) == 12, np.nan, MAPS), r"\(4, 3\) of row 5"),
        (MAPS.astype(str), "targets have dtype <U.*; expected integers or floats"),
        (MAPS + 1, "a pixel without one takes the label 0, and the weight 0"),
        (MAPS[..., None], r"put channels first with y.transpose\(0, 3, 1, 2\)"),
        (np.eye(CLASSES)[MAPS], r"put channels first with y.transpose\(0, 3, 1, 2\)"),
        (one_hot(MAPS) * 2, "needs them between 0 and 1"),
        (MAPS[1:], "they must pair up"),
    ],
)
def test_targets_of_another_shape(targets: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        network().fit(X, targets, verbose=0)


def test_refusals() -> None:
    for weights in (WEIGHTS[:, 0], WEIGHTS.reshape(N, -1)):
        with pytest.raises(
            ValueError, match=r"for each of 11 rows, or for each pixel, \(11, 5, 4\)"
        ):
            network().fit(X, MAPS, sample_weight=weights, verbose=0)
    model = nn.Sequential([nn.Conv2D(3, 1), nn.Reshape((3, 20))])
    model.compile("mse")
    with pytest.raises(ValueError, match=r"outputs have shape \(3, 20\); expected one axis, or im"):
        model.fit(X, MAPS, verbose=0)


def test_images_are_not_moved_away_from_their_maps() -> None:
    batches = [(X[:6], MAPS[:6]), (X[6:], MAPS[6:])]
    for how in ({"shift": 1}, {"flip": True}, {"crop": 1}, {"elastic": 1, "cutout": 2}):
        for data in ((X, MAPS), (batches,)):
            with pytest.raises(ValueError, match="moves the pixels of images, but not those of th"):
                network().fit(*data, augment=nn.data.Augment(**how), verbose=0)
    network().fit(X, MAPS, augment=nn.data.Augment(cutout=2), verbose=0)  # moves nothing
    augment = nn.data.Augment(shift=1, rotate=20, flip=True)  # as the error says
    moved, maps = (augment(a, seed=1) for a in (X, one_hot(MAPS)))
    np.testing.assert_array_equal(augment(one_hot(MAPS)[:, :1], seed=1), maps[:, :1])
    network().fit(moved, maps.argmax(axis=1), verbose=0)


def test_where_time_goes_and_rates() -> None:
    model = network()
    model.build((2, *SIZE))
    assert "conv2d_1" in str(nn.explain(model, timed=True))
    assert nn.find_learning_rate(model, X, MAPS, steps=10).suggested > 0
