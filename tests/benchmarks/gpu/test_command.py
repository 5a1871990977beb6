"""`make gpu-check` on a machine without a GPU."""

from __future__ import annotations

from pathlib import Path

import nnaccel as nn

from ...processes import python


def test_without_a_gpu_it_says_what_is_missing_and_exits_with_3(tmp_path: Path) -> None:
    hidden = {"CUDA_VISIBLE_DEVICES": "", "NNACCEL_RESULTS": str(tmp_path / "results")}
    done = python("-m", "benchmarks.gpu", **hidden)
    gpu = nn.backends()["cupy"]
    assert done.returncode == 3, done.stderr
    assert done.stderr.startswith("no GPU to check on: cupy: ")
    assert "To fix: " in done.stderr
    if not gpu.available:
        assert f"{gpu.reason}. To fix: {gpu.remedy}" in done.stderr
    assert not (tmp_path / "results").exists()
