"""`nnaccel export`, and `predict` of what it writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("onnx", reason="onnx is not installed: pip install onnx")


def test_an_exported_model_predicts_the_same(
    call: Any, model: Path, pictures: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "m.onnx"
    done = call("export", model, out)
    assert done.returncode == 0, done.stderr
    assert "float32 (N × 8 × 8)" in done.stdout
    assert "whole numbers first times 0.00392157" in done.stdout
    want, got = (json.loads(call("predict", "--json", m, *pictures).stdout) for m in (model, out))
    done = call("evaluate", out, "digits")
    assert done.returncode == 2
    assert "ONNX files have no loss" in done.stderr
    for ours, theirs in zip(got, want, strict=True):
        assert ours["prediction"] == theirs["prediction"]
        assert ours["probabilities"] == pytest.approx(theirs["probabilities"], abs=1e-4)


def test_export_says_what_is_wrong(call: Any, model: Path, tmp_path: Path) -> None:
    done = call("export", model, tmp_path / "m.png")
    assert done.returncode == 2
    assert "ends in '.onnx'" in done.stderr
    (tmp_path / "bad.onnx").write_bytes(b"none")
    done = call("predict", tmp_path / "bad.onnx", tmp_path / "seven.png")
    assert done.returncode == 2
    assert "is not an ONNX file" in done.stderr


def test_onnx_files_are_neither_tested_nor_trained(call: Any, tmp_path: Path) -> None:
    done = call("train", "digits", "--save", tmp_path / "m.onnx")
    assert done.returncode == 2
    assert "nnaccel export makes ONNX" in done.stderr
