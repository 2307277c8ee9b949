"""I23: the library against a plain model of it."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from perfpredict.models import signing

from .conftest import Repeats
from .library_model import Library


def test_i23_the_library_equals_dictionaries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repeats: Repeats
) -> None:
    """random calls of the library against a plain dictionary model"""
    monkeypatch.delenv(signing.KEY_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folder = tmp_path / "databases"
    folder.mkdir()
    machine = type("Machine", (Library,), {"folder": folder})

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=repeats(200, 3, of="runs"),
            stateful_step_count=30,
            deadline=None,
            database=None,
            derandomize=True,
            # a run takes seconds: shrinking one would take an hour
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
