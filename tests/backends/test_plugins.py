"""Backends of installed packages are found by name, and a broken one hurts no other."""

from __future__ import annotations

import logging
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnaccel as nn
from nnaccel.backends import BackendUnavailableError, _plugins, _select, backends, get_backend

from ..processes import ROOT, python
from .packages import GROUP, install

EXAMPLE = ROOT / "examples" / "backend"

SOUND = """
import numpy
from nnaccel.backends import Backend, BackendInfo
from nnaccel_kernels.reference import kernels

def probe(device):
    return BackendInfo("whatever", True, device=device or "usual")

def make(device):
    return Backend(f"sound:{device}" if device else "sound", numpy, device or "usual", kernels)
"""


def forget() -> None:
    _plugins.offers.cache_clear()
    _select._make.cache_clear()
    _select._from_environment.cache_clear()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of packages, empty so far."""
    monkeypatch.delenv("NNACCEL_BACKEND", raising=False)
    monkeypatch.setattr(_select, "_default", None)
    monkeypatch.syspath_prepend(tmp_path)
    forget()
    yield tmp_path
    forget()


@pytest.fixture
def sound(site: Path) -> Path:
    """The same with a sound backend in it."""
    (site / "sound_backend.py").write_text(SOUND)
    install(site, "sound-package", {"Sound": "sound_backend"})
    return site


@pytest.mark.usefixtures("sound")
def test_it_is_known_wherever_a_name_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    info = backends()["sound"]
    assert (info.name, info.available, info.device) == ("sound", True, "usual")
    with nn.use_backend(" SOUND ") as backend:
        assert backend is get_backend("sound")
        assert get_backend("sound:chip:1").device == "chip:1"
        x = nn.asarray([[1.0, -1.0]])
        np.testing.assert_array_equal(nn.ops.relu(x), [[1.0, 0.0]])
    nn.set_backend("sound")
    assert nn.get_backend().name == "sound"
    monkeypatch.setattr(_select, "_default", None)
    monkeypatch.setenv("NNACCEL_BACKEND", "Sound:chip")
    assert get_backend().name == "sound:chip"
    assert _select.reason_for_choice() == "NNACCEL_BACKEND=sound:chip"


@pytest.mark.usefixtures("sound")
def test_unknown_names_get_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"unknown backend 'soudn': .*Did you mean 'sound'\?"):
        get_backend("soudn")
    with pytest.raises(ValueError, match=r"unknown backend 'numpy:0': .*Did you mean 'numpy'\?"):
        get_backend("numpy:0")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import surely_not_there", "ModuleNotFoundError: No module named 'surely_not_there'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("", "AttributeError: module 'broken_backend' has no attribute 'probe'"),
        ("def probe(device): return True", "TypeError: probe returned bool, not a BackendInfo"),
        (
            SOUND + "\ndef probe(device):\n    raise RuntimeError('no luck\\nand more lines')",
            "RuntimeError: no luck",
        ),
    ],
)
def test_a_broken_one_says_so_in_a_line_and_hurts_no_other(
    sound: Path, source: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "broken_backend", raising=False)
    (sound / "broken_backend.py").write_text(source)
    install(sound, "broken-package", {"broken": "broken_backend"})
    rows = backends()
    assert rows["broken"].reason == f"broken: {words}"
    assert rows["broken"].remedy == "update or uninstall broken-package"
    with pytest.raises(BackendUnavailableError) as caught:
        get_backend("broken")
    assert str(caught.value) == (
        f"backend 'broken' cannot run here: broken: {words}. "
        "To fix: update or uninstall broken-package"
    )
    assert rows["sound"].available
    assert get_backend("sound").name == "sound"
    assert get_backend("auto").name in _plugins.BUILT_IN


@pytest.mark.parametrize(
    ("make", "words"),
    [
        ("return numpy", "TypeError: make returned module, not a Backend"),
        (
            "return Backend('other', numpy, '', kernels)",
            "ValueError: make returned a backend called 'other'",
        ),
        ("raise OSError('unplugged')", "OSError: unplugged"),
    ],
)
def test_a_backend_that_cannot_be_made(
    site: Path, make: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "broken_backend", raising=False)
    (site / "broken_backend.py").write_text(f"{SOUND}\ndef make(device):\n    {make}\n")
    install(site, "broken-package", {"broken": "broken_backend"})
    with pytest.raises(BackendUnavailableError, match=f"cannot run here: broken: {words}. To fix"):
        get_backend("broken")


def test_two_packages_with_one_name_are_both_named(sound: Path) -> None:
    install(sound, "other-package", {"sound": "sound_backend"})
    assert backends()["sound"].reason == (
        "broken: ValueError: two packages have a backend of this name, "
        "other-package or sound-package"
    )


def test_names_of_our_own_are_taken(sound: Path, caplog: pytest.LogCaptureFixture) -> None:
    install(sound, "bold-package", {"numpy": "sound_backend"})
    with caplog.at_level(logging.WARNING, "nnaccel"):
        assert get_backend("numpy").device != "usual"
        backends()
    assert caplog.messages == [
        "bold-package has a backend called 'numpy', which is nnaccel's own: it is left out"
    ]


def test_nothing_is_imported_before_it_is_asked_for(sound: Path) -> None:
    (sound / "broken_backend.py").write_text("1 / 0")
    install(sound, "broken-package", {"broken": "broken_backend"})
    code = (
        f"import sys; sys.path.insert(0, {str(sound)!r})\n"
        "import nnaccel as nn\n"
        "nn.set_backend('sound')\n"
        "print(nn.get_backend().name, 'broken_backend' in sys.modules)"
    )
    done = python("-c", code)
    assert done.stdout.split() == ["sound", "False"], done.stderr


@pytest.mark.slow
def test_the_example_trains_as_numpy_does(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(EXAMPLE)
    offered = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]["entry-points"]
    install(site, "nnaccel-scipy", offered[GROUP])
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 6)).astype(np.float32)
    y = (x.sum(axis=1) > 0).astype(np.int64)

    def trained(backend: str) -> Any:
        with nn.use_backend(backend):
            layers = [nn.Dense(8, "linear"), nn.Activation("gelu"), nn.Dense(2, "softmax")]
            model = nn.Sequential(layers, seed=3)
            model.compile("categorical_crossentropy", "adam")
            model.fit(x, y, epochs=3, batch_size=16, verbose=0)
            return model.predict(x)

    np.testing.assert_allclose(trained("scipy"), trained("numpy"), rtol=1e-4, atol=1e-6)
    assert get_backend("scipy").kernels.place("activate") == "nnaccel_scipy.activate"
    assert "no device 'gpu'" in _select.probe("scipy:gpu").reason
