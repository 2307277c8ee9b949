"""Every Python example of the specification's guide runs; only its import lines were changed."""

import re
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parent / "examples").glob("*.py"))
GUIDE = Path(__file__).parents[3] / "shared" / "spec" / "predictive-performance-guide.md"

# What the guide has said before the example: it goes on from there.
OPENED = """
from perfpredict import (
    DuckDBPredictorRepository,
    HardwareModelPredictorDuckDBAdapter,
    ModelPerformancePredictorDuckDBAdapter,
)
repository = DuckDBPredictorRepository(db_path="predictive_performance.duckdb")
adapter = HardwareModelPredictorDuckDBAdapter(repository=repository)
"""
PAIRS = """
for batch_size in range(1, 13):
    adapter.predict_performance("bert-base-uncased", hardware="cuda", batch_size=batch_size)
    adapter.record_actual_performance(
        "bert-base-uncased", hardware_platform="cuda", batch_size=batch_size, precision="fp32",
        latency=2.0 + batch_size, throughput=batch_size / (2.0 + batch_size) * 1000,
        memory_usage=900.0 + batch_size,
    )
"""
RECOMMENDED = """
recommendation_id = adapter.predict_optimal_hardware("bert-base-uncased")["recommendation_id"]
"""
HISTORY = """
repository.store_measurements([
    {
        "model_name": "bert-base-uncased", "hardware_platform": "cuda", "precision": precision,
        "batch_size": batch_size, "sequence_length": length, "memory_usage": 500.0 + batch_size,
        "latency": batch_size * length / speed, "throughput": 1000 * speed / length,
    }
    for batch_size in (1, 2, 4, 8, 16, 32)
    for length in (64, 128, 256)
    for precision, speed in (("fp16", 900.0), ("fp32", 300.0))
])
"""
BEFORE = {
    "02_ml_model_integration": "from perfpredict import DuckDBPredictorRepository\n",
    "05_accuracy_analysis": OPENED + PAIRS,
    "07_feedback_loop": OPENED + RECOMMENDED,
    "08_end_to_end_workflow": OPENED,
    "09_ml_models_for_prediction": OPENED + HISTORY,
}
PLACEHOLDERS = {'"rec-123456"': "recommendation_id", '"model-123456"': "model_id"}


def script(name, text):
    """Return the example as a program of its own, placeholder ids replaced by real ones."""
    before = BEFORE.get(name, "")
    if name == "06_feature_importance":
        before = BEFORE["02_ml_model_integration"] + example("02_ml_model_integration")
    for placeholder, variable in PLACEHOLDERS.items():
        text = text.replace(placeholder, variable)
    return before + "\n" + text


def example(name):
    return (Path(__file__).parent / "examples" / f"{name}.py").read_text(encoding="utf-8")


def finished(done):
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_example_runs_as_it_is_printed(path, execute):
    execute(script(path.stem, path.read_text(encoding="utf-8")))


def test_there_are_nine_examples():
    assert len(EXAMPLES) == 9


@pytest.mark.skipif(not GUIDE.exists(), reason="the guide is not beside the project")
def test_the_examples_are_the_guides_apart_from_the_import_lines():
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    own = r"^from (?:duckdb_api|predictive_performance)\.\S+ import"

    imported = [re.sub(own, "from perfpredict import", text, flags=re.MULTILINE) for text in blocks]

    assert [path.read_text(encoding="utf-8") for path in EXAMPLES] == imported


def test_all_examples_run_one_after_another_in_one_program(run_python):
    parts = [script("", example("01_basic_usage"))]
    for path in EXAMPLES[1:]:
        if path.stem in {"05_accuracy_analysis", "07_feedback_loop", "08_end_to_end_workflow"}:
            parts.append("adapter = HardwareModelPredictorDuckDBAdapter(repository=repository)\n")
        if path.stem == "05_accuracy_analysis":
            # the example without a database of its own has made another repository's adapter
            parts.append('model_id = repository.get_prediction_models()[0]["model_id"]\n')
        if path.stem == "07_feedback_loop":
            parts.append(RECOMMENDED)
        if path.stem == "09_ml_models_for_prediction":
            parts.append(HISTORY)
        parts.append(script("", path.read_text(encoding="utf-8")))

    said = finished(run_python("-W", "error::UserWarning", "-c", "\n".join(parts)))

    assert "Recommendation acceptance rate: " in said
    assert re.search(r"Predicted throughput: \d+\.\d\d items/sec", said)


def test_the_statistics_of_the_guide_have_numbers_where_there_are_pairs(execute):
    text = script("05_accuracy_analysis", example("05_accuracy_analysis"))

    r_squared, mae, bias = execute(text + "\nprint(r_squared, mae, bias)").split()

    assert float(r_squared) < 1
    assert float(mae) >= abs(float(bias)) > 0


def test_the_statistics_of_the_guide_are_none_without_pairs(execute):
    text = OPENED + example("05_accuracy_analysis")

    said = execute(text + "\nprint(stats['throughput']['count'], r_squared)")

    assert said == "0 None\n"


def test_the_feedback_of_the_guide_counts(execute):
    said = execute(script("07_feedback_loop", example("07_feedback_loop")))

    assert said == "Recommendation acceptance rate: 100.00%\n"


def test_the_importance_of_the_guide_names_the_features(execute):
    said = execute(script("06_feature_importance", example("06_feature_importance")))

    names = {line.split(":")[0] for line in said.splitlines()}
    assert names == {"model_size", "batch_size", "sequence_length", "precision_numeric"}
