"""Which launcher started a process, and whether its MPI is that of mpi4py."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

import nnaccel as nn
from nnaccel import _config
from nnaccel.cli import launch
from nnaccel.distributed import mpiexec

VARIABLES = [name for _, *names in _config._LAUNCHERS for name in names]
MPICH = dict(zip(VARIABLES[:4], "2424", strict=True))
OPEN_MPI = dict(zip(VARIABLES[4:8], ["3", "8", "1", "2"], strict=True))
SLURM = dict(zip(VARIABLES[8:], ["5", "6", "1", "2(x3)"], strict=True))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets the variables of a launcher, and no others."""
    for name in (*VARIABLES, "NNACCEL_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)

    def start(variables: dict[str, str]) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return start


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, None),
        (MPICH, ("MPICH", 2, 4, 2, 4)),
        (OPEN_MPI, ("Open MPI", 3, 8, 1, 2)),
        (SLURM, ("Slurm", 5, 6, 1, 2)),
        (MPICH | SLURM, ("MPICH", 2, 4, 2, 4)),
        ({"SLURM_PROCID": "0"}, None),  # a batch script, which no srun started
    ],
)
def test_the_launcher_is_known_by_its_variables(started: Any, variables: Any, wanted: Any) -> None:
    started(variables)
    assert _config.launcher() == (wanted and _config.Launcher(*wanted))


def test_ranks_of_a_machine_share_its_processors(
    started: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_config, "_processors", lambda: 8)
    monkeypatch.setattr(_config.os, "cpu_count", lambda: 1)
    assert _config.num_threads() == 8
    started(MPICH)
    assert _config.num_threads() == 2
    started({"OMP_NUM_THREADS": "3,2"})
    assert _config.num_threads() == 3
    started({"NNACCEL_NUM_THREADS": "5"})
    assert _config.num_threads() == 5


def test_one_process_is_alone_without_mpi(started: Any) -> None:
    started({})
    assert (nn.distributed.init().size, nn.distributed.init().shards) == (1, 1)
    assert nn.distributed.init(deterministic=True).shards == 8
    started(MPICH | {"PMI_SIZE": "1"})
    assert nn.distributed.init().rank == 0


def test_fixed_bits_need_a_power_of_two(started: Any) -> None:
    started(MPICH | {"PMI_SIZE": "3"})
    with pytest.raises(ValueError, match=r"needs 1, 2, 4 or 8 ranks, and MPICH started 3"):
        nn.distributed.init(deterministic=True)


def test_without_mpi4py_the_message_says_what_to_install(
    started: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    started(MPICH | {"PMI_RANK": "1"})
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(ModuleNotFoundError, match=r"no MPI|pip install mpi4py mpich"):
        nn.distributed.init()


def test_mpi4py_of_another_mpi_is_noticed(started: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    started(OPEN_MPI)
    alone = SimpleNamespace(size=1)
    mpi = SimpleNamespace(COMM_WORLD=alone, Get_library_version=lambda: "MPICH Version: 5\n")
    monkeypatch.setitem(sys.modules, "mpi4py", SimpleNamespace(MPI=mpi))
    with pytest.raises(RuntimeError) as caught:
        nn.distributed.init()
    for part in ("Open MPI started 8", "'MPICH Version: 5'", "another MPI", "mpi4py mpich"):
        assert part in str(caught.value)


def test_launch_calls_mpiexec(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[Any] = []
    monkeypatch.setattr(launch, "find_mpiexec", lambda: "/bin/mpiexec")
    monkeypatch.setattr(launch.os, "execv", lambda path, line: called.append(line))
    monkeypatch.setattr(launch.sys, "platform", "linux")
    done = CliRunner().invoke(launch.launch_command, ["-n", "4", "train", "mnist", "--epochs", "2"])
    assert done.exit_code == 0
    program = [sys.executable, "-m", "nnaccel"]
    options = ["--epochs", "2", "--distributed"]
    assert called == [["/bin/mpiexec", "-n", "4", *program, "train", "mnist", *options]]


def test_launch_says_how_scripts_are_started() -> None:
    done = CliRunner().invoke(launch.launch_command, ["-n", "4", "mine.py"])
    assert done.exit_code == 2
    assert "mpiexec -n 4 python mine.py" in done.stderr


def test_fit_takes_nothing_but_a_communicator() -> None:
    model = nn.Sequential([nn.Dense(2, "softmax")])
    model.compile()
    with pytest.raises(TypeError, match=r"distributed=True must be what nn\.distributed\.init\(\)"):
        model.fit([[1.0], [2.0]], [0, 1], distributed=True)  # type: ignore[arg-type]
    assert not model.built


def test_launch_without_mpiexec(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(mpiexec.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match=r"pip install mpi4py mpich"):
        mpiexec.find_mpiexec()
