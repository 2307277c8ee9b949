"""What is said where an optional package is not installed."""

import sys
from pathlib import Path

import pytest

from perfpredict.catalog.capture.module import capture_module
from perfpredict.catalog.capture.onnx_model import capture_onnx
from perfpredict.errors import ExitCode, MissingExtraError


def test_an_onnx_file_needs_the_extra_onnx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)

    with pytest.raises(MissingExtraError, match="needs the package 'onnx'") as caught:
        capture_onnx(Path("net.onnx"))

    assert caught.value.exit_code is ExitCode.CANNOT_ANSWER
    assert caught.value.hint == "python -m pip install 'perfpredict[onnx]'"


def test_a_module_needs_the_extra_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)

    with pytest.raises(MissingExtraError, match="needs the package 'torch'") as caught:
        capture_module(object(), object())

    assert caught.value.hint == "python -m pip install 'perfpredict[torch]'"
