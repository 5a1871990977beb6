"""What a notebook shows: tables, figures, progress, and names to complete."""

from __future__ import annotations

import html
import re
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import nnaccel as nn
import nnaccel_kernels
from nnaccel.training.callbacks import History, ProgressBar

from .processes import python


def cells(shown: str) -> list[str]:
    """Text of a table's cells."""
    return [html.unescape(text) for text in re.findall(r"<t[hd] [^>]*>(.*?)</t[hd]>", shown)]


def small() -> nn.Sequential:
    model = nn.Sequential([nn.Dense(3, "relu"), nn.Residual([nn.Dense(3)]), nn.Dense(2)])
    model.build((4,))
    return model


def test_a_model_shows_its_summary(capsys: pytest.CaptureFixture[str]) -> None:
    model = small()
    model.summary()
    printed = capsys.readouterr().out
    shown = cells(model._repr_html_())
    assert shown[:4] == ["Layer", "Output shape", "Parameters", "dense (Dense, relu)"]
    assert all(text in printed for text in shown)
    assert printed.splitlines()[-1] in model._repr_html_()


def test_an_explanation_shows_its_table() -> None:
    explanation = nn.explain(small())
    shown = cells(explanation._repr_html_())
    assert len(shown) == 9 * (1 + len(explanation))
    assert all(text in str(explanation) for text in shown)


def test_a_regression_shows_its_summary() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 2))
    summary = nn.estimators.LinearRegression().fit(x, 3 * x[:, 0]).summary(["<a>", "b"])
    shown = summary._repr_html_()
    assert cells(shown)[1:5] == ["Estimate", "Std. Error", "t value", "Pr(>|t|)"]
    assert "&lt;a&gt;" in shown
    assert "<a>" not in shown
    assert "***" in cells(shown)
    for line in str(summary).splitlines():
        assert all(html.escape(word.rstrip(":")) in shown for word in line.split() if word != "---")


def test_a_history_says_where_it_ended_and_shows_its_epochs() -> None:
    history = History()
    assert repr(history) == "History(0 epochs)"
    for epoch in range(100):
        history.on_epoch_end(epoch, {"loss": 1 / (epoch + 1), "val_loss": 0.5})
    assert repr(history) == "History(100 epochs, loss 0.0100, val_loss 0.5000)"
    shown = cells(history._repr_html_())
    assert shown[:6] == ["epoch", "loss", "val_loss", "1", "1.0000", "0.5000"]
    assert shown[12:15] == ["…"] * 3
    assert shown[-3:] == ["100", "0.0100", "0.5000"]
    assert len(shown) == 3 * 22  # of names, 3 epochs, an ellipsis, 17 epochs


def test_a_figure_is_a_picture_without_pyplot() -> None:
    program = (
        "import sys; from nnaccel import plot; figure = plot.training_curves({'loss': [2, 1]}); "
        "print(figure._repr_png_()[:4], 'matplotlib.pyplot' in sys.modules)"
    )
    assert python("-c", program).stdout.split() == [r"b'\x89PNG'", "False"]


def test_names_that_are_loaded_on_first_use_can_be_completed() -> None:
    assert {"Dense", "Sequential", "estimators", "interop", "plot", "xp"} <= set(dir(nn))


class Display:
    """What IPython's display shows, by turns."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def __call__(self, data: dict[str, str], raw: bool, display_id: bool) -> Display:
        assert raw
        assert display_id
        return self

    def update(self, data: dict[str, str], raw: bool) -> None:
        assert raw
        assert set(data) == {"text/html", "text/plain"}
        self.shown.append(data["text/html"])


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Display:
    """A process that a kernel of Jupyter's seems to run."""
    display, shell = Display(), SimpleNamespace(kernel=object())
    fake = SimpleNamespace(get_ipython=lambda: shell, display=SimpleNamespace(display=display))
    monkeypatch.setitem(sys.modules, "IPython", fake)  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "IPython.display", fake.display)  # type: ignore[arg-type]
    monkeypatch.setattr("nnaccel.training.callbacks.progress_bar._INTERVAL", 0)
    return display


def one_epoch(bar: ProgressBar, compiling: float = 0.0) -> None:
    bar.set_params({"epochs": 1, "steps": 4, "samples": 32, "batch_size": 8})
    bar.on_train_begin({})
    bar.on_epoch_begin(0, {})
    nnaccel_kernels.say_compiled("conv2d", compiling)
    bar.on_progress(2, {"loss": 0.5})
    bar.on_progress(4, {"loss": 0.5})
    bar.on_epoch_end(0, {"loss": 0.5})
    bar.on_train_end({})


def test_a_notebook_shows_progress_while_compiling_and_training(
    notebook: Display, capsys: pytest.CaptureFixture[str]
) -> None:
    one_epoch(ProgressBar())
    starting, compiling, half, full, nothing = notebook.shown
    assert "starting" in starting
    assert "compiling, once: conv2d is ready" in compiling
    assert '<progress value="0.5000"></progress> loss 0.5000' in half
    assert " left" in half
    assert 'value="1.0000"' in full
    assert nothing == ""
    assert capsys.readouterr().out.startswith("epoch 1/1  loss 0.5000  ")


def test_compiling_does_not_count_into_the_rate(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    times = iter([0.0, 8.5, 11.0, 11.5])  # of the epoch, of two reports, of its end
    monkeypatch.setattr(
        "nnaccel.training.callbacks.progress_bar.time",
        SimpleNamespace(perf_counter=lambda: next(times)),
    )
    one_epoch(ProgressBar(2), compiling=7.0)
    printed = capsys.readouterr().out
    assert printed == "epoch 1/1  loss 0.5000  8 images/s  11.50 s  (7.0 s compiling, once)\n"
