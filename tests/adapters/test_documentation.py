"""The page on the Python API names everything that there is."""

import inspect
import re
from pathlib import Path

import perfpredict

PAGE = Path(__file__).parents[2] / "docs" / "python-api.md"


def test_the_page_names_every_public_method():
    text = PAGE.read_text(encoding="utf-8")
    classes = [
        perfpredict.DuckDBPredictorRepository,
        perfpredict.HardwareModelPredictorDuckDBAdapter,
        perfpredict.ModelPerformancePredictorDuckDBAdapter,
    ]
    inner = {"open", "record", "listed", "rank", "answered"}
    for kind in classes:
        for name, _ in inspect.getmembers(kind, inspect.isfunction):
            if not name.startswith("_") and name not in inner:
                assert f"`{name}(" in text or f".{name}(" in text, name


def test_the_page_names_everything_that_is_exported():
    text = PAGE.read_text(encoding="utf-8")
    ours = set(perfpredict.__all__) - {"Precision", "Workload", "__version__"}

    assert [name for name in sorted(ours) if name not in text] == []


def test_the_first_example_of_the_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)

    exec(compile(example, str(PAGE), "exec"), {})

    assert len(capsys.readouterr().out.splitlines()) == 2
