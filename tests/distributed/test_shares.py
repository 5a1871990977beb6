"""Training divided over ranks is the training of one: here the ranks are threads."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnaccel as nn
from nnaccel.training.checkpoint import CheckpointError
from nnaccel.training.communicator import Alone
from nnaccel.training.share import Share

from .threads import Group

ROWS = 53  # batches of 16, and a last one of 5
rng = np.random.default_rng(3)
X = rng.normal(size=(ROWS, 6)).astype(np.float32)
Y = rng.integers(0, 3, ROWS)
WEIGHTS = rng.uniform(0, 2, ROWS)


def make(layers: Any = None, **compiled: Any) -> nn.Sequential:
    layers = layers or [nn.Dense(8, "tanh"), nn.Dropout(0.3), nn.Dense(3, "softmax")]
    model = nn.Sequential(layers, seed=5)
    model.compile(**{"optimizer": "adam", "metrics": ["accuracy"]} | compiled)
    return model


def train(comm: Any, backend: str, make: Any = make, **settings: Any) -> dict[str, Any]:
    with nn.use_backend(backend):
        model = make()
        defaults = {"epochs": 3, "batch_size": 16, "verbose": 0}
        defaults |= {"validation_data": (X[:21], Y[:21])}
        x, y = settings.pop("data", (X, Y))
        history = model.fit(x, y, **defaults | settings, distributed=comm)
        return {
            "weights": nn.to_numpy(model.weights).copy(),
            "states": nn.to_numpy(model.states).copy(),
            "history": np.array(list(history.history.values())),
            "steps": nn.to_numpy(model.iterations).copy(),
        }


def assert_close(found: list[dict[str, Any]], wanted: dict[str, Any]) -> None:
    for rank in found:
        for name, values in wanted.items():
            np.testing.assert_allclose(rank[name], values, rtol=2e-4, atol=2e-5, err_msg=name)
        np.testing.assert_array_equal(rank["weights"], found[0]["weights"])


def regression() -> nn.Sequential:
    def squared(outputs: Any, targets: Any) -> Any:
        error = outputs - targets
        return (error**2).mean(axis=1), 2 * error / error.shape[1]

    layers = [nn.Dense(4, "tanh", penalty=nn.L2(0.01)), nn.GaussianNoise(0.1), nn.Dense(2)]
    return make(layers, loss=squared, metrics=["r2", "mae"])


def with_states() -> nn.Sequential:
    layers = [nn.Dense(8), nn.BatchNorm(momentum=0.5), nn.Dense(3, "softmax")]
    return make(layers, metrics=["auc", "accuracy"])


@pytest.mark.parametrize("ranks", [2, 3, 4])
def test_losses_and_weights_are_those_of_one_rank(backend: Any, ranks: int) -> None:
    settings = {"sample_weight": WEIGHTS}
    wanted = train(None, backend.name, **settings)
    found = Group(ranks, ranks).run(lambda comm: train(comm, backend.name, **settings))
    assert_close(found, wanted)


def test_penalties_noise_user_pieces_and_metrics_that_do_not_count(backend: Any) -> None:
    targets = X[:, :2] * 2
    settings = {"data": (X, targets), "validation_data": (X[:9], targets[:9])}
    wanted = train(None, backend.name, regression, **settings)
    found = Group(3, 3).run(lambda comm: train(comm, backend.name, regression, **settings))
    assert_close(found, wanted)


def test_ranks_without_rows(backend: Any) -> None:
    settings = {"batch_size": 3, "epochs": 1}
    wanted = train(None, backend.name, **settings)
    assert_close(Group(4, 4).run(lambda c: train(c, backend.name, **settings)), wanted)


@pytest.mark.parametrize("kind", [make, with_states])
def test_fixed_shards_give_the_same_bits(backend: Any, kind: Any) -> None:
    wanted = train(Alone(8), backend.name, kind)
    for ranks in (2, 4):
        for found in Group(ranks, 8).run(lambda comm: train(comm, backend.name, kind)):
            for name, values in wanted.items():
                np.testing.assert_array_equal(found[name], values, err_msg=name)


def test_running_means_are_the_mean_of_the_ranks(backend: Any) -> None:
    first, second = Group(2, 2).run(lambda comm: train(comm, backend.name, with_states))
    for name in ("weights", "states", "history"):
        np.testing.assert_array_equal(first[name], second[name])
    alone = train(None, backend.name, with_states)
    means = slice(8)  # which are linear in the rows; variances are within a rank's rows
    np.testing.assert_allclose(first["states"][means], alone["states"][means], atol=0.1)


def synchronized() -> nn.Sequential:
    layers = [
        nn.Reshape((2, 3)),
        nn.Residual([nn.Conv2D(1, 3, "tanh", padding=1), nn.BatchNorm(0.5, synchronized=True)]),
        nn.Flatten(),
        nn.Dense(8),
        nn.BatchNorm(0.5, synchronized=True),
        nn.Dense(3, "softmax"),
    ]
    return make(layers, optimizer="sgd", metrics=["auc", "accuracy"])


@pytest.mark.parametrize(("ranks", "batch_size"), [(2, 16), (4, 16), (4, 3)])
def test_normalised_by_all_ranks_rows(backend: Any, ranks: int, batch_size: int) -> None:
    settings = {"batch_size": batch_size, "epochs": 2 if batch_size > ranks else 1}
    wanted = train(None, backend.name, synchronized, **settings)
    found = Group(ranks, ranks).run(lambda c: train(c, backend.name, synchronized, **settings))
    assert_close(found, wanted)


def test_normalised_by_all_ranks_rows_or_part_by_part() -> None:
    with pytest.raises(ValueError, match="part by part: choose one"):
        train(Alone(8), "numpy", synchronized)


def test_a_stream_is_divided_batch_by_batch(backend: Any) -> None:
    batches = [(X[i : i + 9], Y[i : i + 9]) for i in range(0, ROWS, 9)]
    settings: dict[str, Any] = {"data": (batches, None)}
    wanted = train(None, backend.name, **settings)
    assert_close(Group(2, 2).run(lambda c: train(c, backend.name, **settings)), wanted)


@given(rows=st.integers(0, 100), size=st.integers(1, 40), ranks=st.integers(1, 9))
def test_shares_are_a_partition(rows: int, size: int, ranks: int) -> None:
    group, order = Group(ranks, ranks), np.random.default_rng(0).permutation(rows)
    shares = [Share(group_comm(group, rank), size) for rank in range(ranks)]
    np.testing.assert_array_equal(
        np.sort(np.concatenate([share.order(order) for share in shares])), np.arange(rows)
    )
    ends = [share.span(size) for share in shares]
    assert [first for first, _ in ends] == [0, *(end for _, end in ends[:-1])]
    assert ends[-1][1] == size


def group_comm(group: Group, rank: int) -> Any:
    from .threads import ThreadCommunicator

    return ThreadCommunicator(group, rank)


@pytest.mark.parametrize(
    ("item", "different"),
    [
        ("seed", lambda: nn.Sequential([nn.Dense(3, "softmax")], seed=6)),
        ("architecture", lambda: nn.Sequential([nn.Dense(3, "softmax", name="other")], seed=5)),
        ("dtype", lambda: nn.Sequential([nn.Dense(3, "softmax")], seed=5, dtype="float64")),
    ],
)
def test_a_rank_that_differs_is_named(item: str, different: Any) -> None:
    def run(comm: Any) -> str:
        model = different() if comm.rank else nn.Sequential([nn.Dense(3, "softmax")], seed=5)
        model.compile()
        with pytest.raises(ValueError, match="do not train alike") as caught:
            model.fit(X, Y, verbose=0, distributed=comm)
        assert model.iterations[0] == 0
        return str(caught.value)

    for message in Group(2, 2).run(run):
        assert f"another {item} on rank 1 than on rank 0" in message


def test_data_of_another_length_are_told() -> None:
    def run(comm: Any) -> None:
        rows = ROWS - comm.rank
        with pytest.raises(ValueError, match=r"another data length .* give each all rows"):
            make().fit(X[:rows], Y[:rows], verbose=0, distributed=comm)

    Group(2, 2).run(run)


def test_weights_of_other_classes_are_told() -> None:
    def run(comm: Any) -> None:
        with pytest.raises(ValueError, match="another class_weight on rank 1 than on rank 0"):
            make().fit(X, Y, verbose=0, distributed=comm, class_weight={0: 2.0 + comm.rank})

    Group(2, 2).run(run)


@pytest.mark.parametrize(
    ("item", "settings"),
    [
        ("sample weight", lambda rank: {"sample_weight": WEIGHTS + rank}),
        ("data", lambda rank: {"x": np.roll(X, rank, axis=0)}),
        ("data", lambda rank: {"y": np.roll(Y, rank)}),
        ("validation data length", lambda rank: {"validation_data": (X[rank:], Y[rank:])}),
    ],
)
def test_other_rows_and_weights_are_told(item: str, settings: Any) -> None:
    def run(comm: Any) -> None:
        model = make()
        with pytest.raises(ValueError, match=f"another {item} on rank 1 than on rank 0"):
            model.fit(**{"x": X, "y": Y} | settings(comm.rank), verbose=0, distributed=comm)
        assert model.iterations[0] == 0

    Group(2, 2).run(run)


@pytest.mark.parametrize(
    ("rows", "steps", "told"),
    [
        ([18, 9], 2, "batch 3 of this epoch has 9 rows on rank 0, and is past"),
        (
            [18, 9, 9, 9],
            3,
            "batch 4 of this epoch is past the end of the stream on rank 0",
        ),
        ([18, 7, 9], 1, "batch 2 of this epoch has 9 rows on rank 0, and has 7 rows on rank 1"),
    ],
)
def test_streams_that_part_are_told_where(rows: list[int], steps: int, told: str) -> None:
    def run(comm: Any) -> None:
        model = make()
        lengths = rows if comm.rank else [18, 9, 9]
        batches = ((X[:count], Y[:count]) for count in lengths)
        with pytest.raises(ValueError, match=told):
            model.fit(batches, verbose=0, distributed=comm)
        assert model.iterations[0] == steps

    Group(2, 2).run(run)


def test_streams_for_validation_that_part_are_told() -> None:
    def run(comm: Any) -> None:
        batches = [(X[:9], Y[:9])] * (2 - comm.rank)
        with pytest.raises(ValueError, match="batch 2 of this epoch has 9 rows on rank 0, and is"):
            make().fit(X, Y, validation_data=batches, verbose=0, distributed=comm)

    Group(2, 2).run(run)


def test_augmentation_goes_by_the_row(backend: Any) -> None:
    images = X.reshape(ROWS, 2, 3)
    settings = {"data": (images, Y), "validation_data": (images[:9], Y[:9])}
    settings |= {"augment": nn.data.Augment(shift=1, flip=True)}

    def flat() -> nn.Sequential:
        return make([nn.Flatten(), nn.Dense(3, "softmax")])

    wanted = train(None, backend.name, flat, **settings)
    assert_close(Group(2, 2).run(lambda c: train(c, backend.name, flat, **settings)), wanted)


def test_rank_0_alone_writes_and_all_resume(tmp_path: Path) -> None:
    def run(comm: Any, epochs: int) -> Any:
        model, path = make(), tmp_path / f"rank{comm.rank}.safetensors"
        log = nn.CSVLogger(tmp_path / f"rank{comm.rank}.csv")
        kept = {
            "checkpoint": path,
            "resume": True,
            "callbacks": [log, nn.EarlyStopping("loss", 0.0, 9, restore_best_weights=False)],
        }
        history = model.fit(X, Y, epochs=epochs, batch_size=16, verbose=0, distributed=comm, **kept)
        return model.weights.copy(), history.history["loss"]

    Group(2, 8).run(lambda comm: run(comm, 2))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["rank0.csv", "rank0.safetensors"]
    resumed = Group(4, 8).run(lambda comm: run(comm, 4))
    wanted = make()
    wanted.fit(X, Y, epochs=4, batch_size=16, verbose=0, distributed=Alone(8))
    for weights, losses in resumed:
        np.testing.assert_array_equal(weights, wanted.weights)
        assert len(losses) == 4


def test_an_empty_checkpoint_is_none(tmp_path: Path) -> None:
    path = tmp_path / "empty.safetensors"
    path.touch()

    def run(comm: Any) -> None:
        with pytest.raises(CheckpointError, match=r"empty\.safetensors"):
            train(comm, "numpy", checkpoint=path, resume=True)

    Group(2, 2).run(run)


def test_the_ranks_watch_each_other_when_the_checkpoint_is_looked_at(tmp_path: Path) -> None:
    class Watched(Alone):
        failed = False

        @contextlib.contextmanager
        def watch(self) -> Iterator[None]:
            try:
                yield
            except OSError:
                self.failed = True  # as rank 0 alone does: the others must not wait for it
                raise

    comm = Watched()
    with pytest.raises(OSError, match="nowhere"):
        train(comm, "numpy", checkpoint=tmp_path / "nowhere" / "model.safetensors")
    assert comm.failed


def test_a_callback_of_one_rank_stops_all() -> None:
    def run(comm: Any) -> int:
        class Stop(nn.Callback):
            def on_epoch_end(self, epoch: int, logs: Any) -> None:
                self.model.stop_training = comm.rank == 1 and epoch == 1

        history = make().fit(X, Y, epochs=9, verbose=0, callbacks=[Stop()], distributed=comm)
        return len(history.history["loss"])

    assert Group(2, 2).run(run) == [2, 2]
