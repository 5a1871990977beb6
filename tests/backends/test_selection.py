"""Which backend is in force: the environment, the process, the context; one rule a test."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from nnaccel import _config, ops
from nnaccel.backends import (
    BackendUnavailableError,
    _select,
    asarray,
    backend_of,
    get_backend,
    get_namespace,
    reason_for_choice,
    set_backend,
    to_numpy,
    use_backend,
)

from ..processes import python


@pytest.fixture(autouse=True)
def fresh_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if nothing had been chosen yet in this process."""
    monkeypatch.delenv("NNACCEL_BACKEND", raising=False)
    monkeypatch.setattr(_select, "_default", None)
    _select._from_environment.cache_clear()
    yield
    _select._from_environment.cache_clear()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("numpy", "numpy"),
        ("numba", "numba"),
        (" NumPy ", "numpy"),
        ("\tNUMBA\n", "numba"),
        ("cpu", "numba"),
        ("CPU", "numba"),
    ],
)
def test_environment_variable(monkeypatch: pytest.MonkeyPatch, text: str, name: str) -> None:
    monkeypatch.setenv("NNACCEL_BACKEND", text)
    assert get_backend().name == name
    assert reason_for_choice() == f"NNACCEL_BACKEND={name}"


@pytest.mark.parametrize("text", ["cupy", "cuda", "GPU", " Cuda "])
def test_environment_variable_for_the_gpu(
    fake_cupy: Any, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("NNACCEL_BACKEND", text)
    assert get_backend().name == "cupy"
    assert get_backend().xp is fake_cupy


@pytest.mark.parametrize("text", ["", "  ", "auto", "AUTO", None])
def test_auto_without_a_gpu_is_numba(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, text: str | None
) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    if text is not None:
        monkeypatch.setenv("NNACCEL_BACKEND", text)
    with caplog.at_level(logging.INFO, "nnaccel"):
        assert get_backend().name == "numba"
        get_backend()
        asarray([1.0])
    chosen = [r.getMessage() for r in caplog.records if r.getMessage().startswith("backend ")]
    assert len(chosen) == 1, "one line, once"
    assert chosen[0].startswith("backend numba on ")
    assert chosen[0].endswith("(cupy: not installed)")


def test_auto_with_a_gpu_is_cupy(fake_cupy: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "nnaccel"):
        assert get_backend().name == "cupy"
    assert "backend cupy on no GPU at all (the first choice)" in caplog.messages


def test_auto_without_gpu_and_numba_is_numpy(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.setitem(sys.modules, "numba", None)
    with caplog.at_level(logging.INFO, "nnaccel"):
        assert get_backend().name == "numpy"
    assert caplog.messages[0].endswith("(cupy: not installed; numba: not installed)")


@pytest.mark.parametrize(
    ("text", "near"), [("cuppy", "cupy"), ("Numbaa", "numba"), ("nunpy", "numpy"), ("cud", "cuda")]
)
def test_unknown_names_get_the_nearest(
    monkeypatch: pytest.MonkeyPatch, text: str, near: str
) -> None:
    monkeypatch.setenv("NNACCEL_BACKEND", text)
    with pytest.raises(ValueError, match=rf"unknown NNACCEL_BACKEND '{text}'.*mean '{near}'"):
        get_backend()
    with pytest.raises(ValueError, match="choose one of 'auto', 'numpy', 'numba', 'cupy'"):
        set_backend("tensorflow")
    monkeypatch.setenv("NNACCEL_BACKEND", "numpy")  # the mistake is not remembered
    assert get_backend().name == "numpy"


@pytest.mark.parametrize("name", ["", " "])
def test_a_blank_name_is_no_backend_in_code(name: str) -> None:
    with pytest.raises(ValueError, match="unknown backend"):
        set_backend(name)


def test_a_name_must_be_a_string() -> None:
    with pytest.raises(TypeError, match="must be a string such as 'numba', not int"):
        set_backend(3)  # type: ignore[arg-type]


def test_the_environment_is_read_once_at_first_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NNACCEL_BACKEND", "numpy")
    assert get_backend().name == "numpy"
    monkeypatch.setenv("NNACCEL_BACKEND", "numba")
    assert get_backend().name == "numpy"


def test_import_does_not_read_the_environment() -> None:
    code = (
        "import os; os.environ['NNACCEL_BACKEND'] = 'nonsense'\n"
        "import nnaccel\n"
        "os.environ['NNACCEL_BACKEND'] = ' NUMPY'\n"
        "print(nnaccel.get_backend().name, nnaccel.xp.__name__)"
    )
    done = python("-c", code)
    assert done.stdout.split() == ["numpy", "numpy"], done.stderr


def test_set_backend_beats_the_environment_and_use_backend_beats_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NNACCEL_BACKEND", "numba")
    set_backend("numpy")
    assert (get_backend().name, reason_for_choice()) == ("numpy", "chosen by set_backend")
    with use_backend(" CPU ") as backend:
        assert backend is get_backend()
        assert (backend.name, reason_for_choice()) == ("numba", "chosen by use_backend")
        set_backend("numpy")
        assert get_backend().name == "numba"
    assert get_backend().name == "numpy"
    set_backend("numba")
    assert get_backend().name == "numba"


def test_contexts_nest_and_end_on_errors() -> None:
    set_backend("numba")
    with use_backend("numpy"):
        with pytest.raises(ZeroDivisionError), use_backend("numba"):
            raise ZeroDivisionError
        assert get_backend().name == "numpy"
        with pytest.raises(ValueError, match="unknown backend"), use_backend("nmpy"):
            pass
        assert get_backend().name == "numpy"
    assert get_backend().name == "numba"


def test_a_backend_that_cannot_run_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    set_backend("numpy")
    for ask in (set_backend, get_backend, lambda name: use_backend(name).__enter__()):
        with pytest.raises(BackendUnavailableError, match="'cupy' cannot run here: not installed"):
            ask("cupy")
    assert get_backend().name == "numpy"


def test_set_backend_reaches_every_thread_and_use_backend_only_its_own() -> None:
    set_backend("numpy")
    seen: dict[str, str] = {}
    inside, done = threading.Event(), threading.Event()

    def other() -> None:
        inside.wait()
        seen["while another thread uses numba"] = get_backend().name
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    with use_backend("numba"):
        inside.set()
        done.wait()
        assert get_backend().name == "numba"
    thread.join()
    assert set(seen.values()) == {"numpy"}


def test_tasks_do_not_disturb_one_another() -> None:
    set_backend("numpy")

    async def one(name: str, turns: int) -> list[str]:
        names = []
        with use_backend(name):
            for _ in range(turns):
                await asyncio.sleep(0)
                names.append(get_backend().name)
        names.append(get_backend().name)
        return names

    async def both() -> list[list[str]]:
        return list(await asyncio.gather(one("numba", 3), one("numpy", 2)))

    first, second = asyncio.run(both())
    assert first == ["numba"] * 3 + ["numpy"]
    assert second == ["numpy"] * 3


def test_numpy_arrays_run_on_the_cpu_backend_in_force(fake_cupy: Any) -> None:
    for name, runs in (("numpy", "numpy"), ("numba", "numba"), ("cupy", "numba")):
        with use_backend(name):
            assert backend_of(np.zeros(1)).name == runs
    with use_backend("numpy"):
        assert backend_of(fake_cupy.zeros(1), None).name == "cupy"


def test_numpy_arrays_run_even_if_the_gpu_asked_for_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.setenv("NNACCEL_BACKEND", "cupy")
    assert ops.relu(np.array([-1.0, 1.0])).tolist() == [0, 1]


def test_namespaces(fake_cupy: Any) -> None:
    assert get_namespace(np.zeros(1), None, np.zeros(2)) is np
    assert get_namespace(fake_cupy.zeros(1)) is fake_cupy
    with use_backend("cupy"):
        assert get_namespace(np.zeros(1)) is np


def test_arrays_of_two_libraries_do_not_mix(fake_cupy: Any) -> None:
    host, device = np.ones((2, 2)), fake_cupy.zeros((2, 2))
    words = r"NumPy and CuPy arrays in one call: .*nnaccel\.asarray\(x\) or nnaccel\.to_numpy\(x\)"
    calls: list[Any] = [
        lambda: get_namespace(host, device),
        lambda: ops.linear(host, device),
        lambda: ops.linear_backward(host, host, host, out=(device, None)),
        lambda: ops.relu_backward(device, host),
        lambda: ops.mse(device, host),
        lambda: ops.softmax_cross_entropy(host, device),
    ]
    for call in calls:
        with pytest.raises(TypeError, match=words):
            call()


@pytest.mark.parametrize("thing", [[1.0], 3, "x", memoryview(b"12")])
def test_what_is_no_array_is_named(thing: Any) -> None:
    with pytest.raises(TypeError, match=f"got builtins.{type(thing).__name__}: convert it"):
        get_namespace(thing)


def test_transfers_go_where_they_are_asked_to(backend: Any) -> None:
    for source in ([[1, 2]], np.array([[1, 2]]), backend.asarray([[1, 2]])):
        a = asarray(source, "float32")
        assert type(a) is backend.xp.ndarray
        assert a.dtype == np.float32
        back = backend.to_numpy(a)
        assert type(back) is np.ndarray
        assert back.tolist() == [[1, 2]]
    backend.synchronize()


def test_device_arrays_come_home(fake_cupy: Any) -> None:
    device = fake_cupy.asarray(np.arange(3))
    with use_backend("numba"):
        assert type(asarray(device)) is np.ndarray
    assert to_numpy(device).tolist() == [0, 1, 2]
    assert to_numpy([1, 2]).tolist() == [1, 2]


def test_host_arrays_are_not_copied() -> None:
    x = np.zeros(3)
    with use_backend("numba"):
        assert asarray(x) is x
        assert to_numpy(x) is x


@pytest.mark.parametrize(("text", "count"), [("1", 1), (" 3 ", 3), ("64", 4), ("", 4)])
def test_number_of_threads(monkeypatch: pytest.MonkeyPatch, text: str, count: int) -> None:
    """Never more than there are processors: threads that wait for one another would crawl."""
    monkeypatch.setattr(_config, "_processors", lambda: 4)
    monkeypatch.setenv("NNACCEL_NUM_THREADS", text)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)  # followed without a number
    assert _config.num_threads() == count


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5"])
def test_a_bad_number_of_threads_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("NNACCEL_NUM_THREADS", text)
    with pytest.raises(ValueError, match=r"NNACCEL_NUM_THREADS=.* whole number of at least 1"):
        _config.num_threads()


@pytest.mark.parametrize(("text", "on"), [("1", True), (" On ", True), ("0", False), ("", False)])
def test_tf32_is_asked_for(
    fake_cupy: Any, monkeypatch: pytest.MonkeyPatch, text: str, on: bool
) -> None:
    monkeypatch.setenv("NNACCEL_TF32", text)
    asked: list[bool] = []
    monkeypatch.setattr(sys.modules["nnaccel_kernels.cuda"], "set_tf32", asked.append)
    assert get_backend("cupy").tf32 is on
    assert asked == [on]
    monkeypatch.setenv("NNACCEL_TF32", "perhaps")
    with pytest.raises(ValueError, match="NNACCEL_TF32='perhaps' must be 1 or 0"):
        _config.tf32()
