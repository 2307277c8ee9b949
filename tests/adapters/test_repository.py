"""The repository: storing, filtering, statistics, and sharing one file."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from perfpredict import (
    DuckDBPredictorRepository,
    HardwareModelPredictor,
    InvalidInputError,
    ModelPerformancePredictor,
    NoDatabaseError,
    UnknownDeviceError,
    UnknownModelError,
)

NOW = datetime.now(UTC)
RUN = {"model_name": "resnet50", "hardware_platform": "cuda", "batch_size": 4, "latency": 2.0}


def test_a_missing_file_is_made_or_refused_as_asked(tmp_path):
    path = tmp_path / "new.duckdb"
    with pytest.raises(NoDatabaseError, match="no database"):
        DuckDBPredictorRepository(db_path=path, create_if_missing=False)
    assert list(tmp_path.iterdir()) == []

    assert DuckDBPredictorRepository(db_path=str(path)).get_measurements() == []
    assert DuckDBPredictorRepository(path, create_if_missing=False).get_predictions() == []


def test_the_default_file_is_that_of_the_command_line(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv("PERFPREDICT_DB", raising=False)
    done = subprocess.run(
        [sys.executable, "-m", "perfpredict", "db", "path", "-q"],
        capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip

    assert str(DuckDBPredictorRepository().db_path) == done.stdout.strip()

    monkeypatch.setenv("PERFPREDICT_DB", str(tmp_path / "team.duckdb"))
    assert DuckDBPredictorRepository().db_path == tmp_path / "team.duckdb"


def test_a_closed_repository_refuses_calls(repository):
    with repository as same:
        assert same is repository

    with pytest.raises(InvalidInputError, match="closed"):
        repository.get_measurements()


def test_a_measurement_comes_back_as_it_was_stored(repository):
    measured_at = NOW - timedelta(hours=1)
    identifier = repository.store_measurement(
        **RUN, throughput=2000.0, memory_usage=512.5, precision="half", measured_at=measured_at,
        latency_p99=3.0, runs=100, source="bench", note="first",
    )  # fmt: skip

    (row,) = repository.get_measurements()
    kept = ("measurement_id", "model_name", "hardware_platform", "batch_size", "precision",
            "throughput", "latency", "latency_p99", "memory_usage", "runs", "source", "note",
            "mode", "image_size", "is_sample", "measured_at")  # fmt: skip
    assert [row[key] for key in kept] == [
        identifier, "resnet50", "cuda", 4, "fp16", 2000.0, 2.0, 3.0, 512.5, 100, "bench", "first",
        "inference", 224, False, measured_at,
    ]  # fmt: skip


def test_every_filter_restricts(repository):
    old = NOW - timedelta(days=40)
    repository.store_measurements([
        RUN,
        {**RUN, "batch_size": 8, "precision": "fp16"},
        {**RUN, "hardware_platform": "cpu", "mode": "training"},
        {**RUN, "model_name": "bert-base-uncased", "measured_at": old},
        {**RUN, "hardware_platform": "nvidia-l4", "source": "bench"},
    ])  # fmt: skip

    def count(**filters):
        return len(repository.get_measurements(**filters))

    assert count() == 5
    assert count(model_name="google-bert/bert-base-uncased") == 1
    assert count(model_name="res*") == 4
    assert count(model_family="embedding") == count(model_family="text_embedding") == 1
    assert count(hardware_platform="cuda") == 4
    assert count(hardware_platform=["cpu", "nvidia-l4"]) == 2
    assert count(device="NVIDIA L4") == 1
    assert count(batch_size=8) == count(precision="float16") == 1
    assert count(mode="training") == count(source="bench") == 1
    assert count(days=30) == count(start_time=NOW - timedelta(days=30)) == 4
    assert count(end_time=(NOW - timedelta(days=30)).isoformat()) == 1
    assert count(limit=2) == 2
    assert count(limit=0) == 0
    assert count(model_name="resnet50", hardware_platform="cuda", batch_size=4) == 2


@pytest.mark.parametrize(
    ("filters", "error"),
    [({"hardware_platform": "banana"}, UnknownDeviceError), ({"limit": -1}, InvalidInputError),
     ({"days": 0}, InvalidInputError), ({"precision": "fp17"}, InvalidInputError),
     ({"start_time": "yesterday"}, InvalidInputError), ({"batchsize": 1}, TypeError),
     ({"days": 3, "start_time": NOW}, InvalidInputError), ({"mode": "x"}, InvalidInputError)],
)  # fmt: skip
def test_a_filter_that_means_nothing_is_refused(repository, filters, error):
    with pytest.raises(error):
        repository.get_measurements(**filters)


def test_a_batch_is_stored_whole_or_not_at_all(repository):
    with pytest.raises(InvalidInputError, match="latency"):
        repository.store_measurements([RUN, {**RUN, "latency": -1}])
    with pytest.raises(UnknownModelError):
        repository.store_measurements([RUN, {**RUN, "model_name": "nobody-knows-me"}])

    assert repository.get_measurements() == []
    ids = repository.store_measurements([RUN] * 3)
    assert {row["measurement_id"] for row in repository.get_measurements()} == set(ids)


def test_new_models_and_devices_are_stored_if_said_so(repository):
    repository.store_measurement(
        model_name="my-net", hardware_platform="our-chip", latency=1.0, new_model=True,
        new_hardware=True,
    )  # fmt: skip

    assert len(repository.get_measurements(hardware_platform="our-chip")) == 1


def test_the_answer_of_a_plain_predictor_can_be_stored(repository):
    answer = ModelPerformancePredictor().predict("resnet50", "nvidia-l4", batch_size=4)

    identifier = repository.store_prediction(**answer)

    (row,) = repository.get_predictions()
    assert row["prediction_id"] == identifier
    for key in ("throughput", "latency_lower", "memory_usage_upper", "predictor", "cautions"):
        assert row[key] == pytest.approx(answer[key]) if isinstance(row[key], float) else True
    recorded = repository.record({**RUN, "hardware_platform": "nvidia-l4"})
    assert recorded["prediction_id"] == identifier


def test_predictions_of_others_need_bounds_and_must_agree_with_themselves(repository):
    mine = {
        "model_name": "resnet50", "hardware_platform": "nvidia-l4", "batch_size": 4,
        "latency": 2.0, "latency_lower": 1.5, "latency_upper": 2.5, "memory_usage": 500.0,
        "memory_usage_lower": 400.0, "memory_usage_upper": 600.0, "predictor": "my-model",
    }  # fmt: skip
    first, _ = repository.store_predictions([mine, {**mine, "batch_size": 8}], user_id="ada")
    (row,) = repository.get_predictions(batch_size=4)
    assert (row["prediction_id"], row["user_id"], row["predictor"]) == (first, "ada", "my-model")
    assert (row["throughput_lower"], row["throughput"]) == pytest.approx((1600.0, 2000.0))

    without = {key: value for key, value in mine.items() if key != "latency_upper"}
    with pytest.raises(InvalidInputError, match="latency_upper"):
        repository.store_prediction(**without)
    with pytest.raises(InvalidInputError, match="throughput is"):
        repository.store_prediction(
            **mine, throughput=2.0, throughput_lower=1.0, throughput_upper=3.0
        )
    with pytest.raises(InvalidInputError, match="must lie between"):
        repository.store_prediction(**{**mine, "latency": 3.0})
    with pytest.raises(TypeError, match="latenzy"):
        repository.store_prediction(**mine, latenzy=1)


def test_a_measurement_can_be_compared_with_a_later_prediction(repository):
    measurement = repository.store_measurement(**{**RUN, "hardware_platform": "nvidia-l4"})
    answer = ModelPerformancePredictor().predict("resnet50", "nvidia-l4", batch_size=4)
    prediction = repository.store_prediction(**answer)

    errors = repository.store_prediction_error(measurement, prediction)

    assert [row["metric"] for row in errors] == ["latency"]
    (listed,) = repository.get_prediction_errors(metric="latency")
    assert listed["is_retrospective"]
    assert {key: listed[key] for key in errors[0]} == errors[0]
    assert repository.get_prediction_accuracy_stats()["latency"]["count"] == 0
    late = repository.get_prediction_accuracy_stats(include_retrospective=True)
    assert late["latency"]["count"] == 1


def test_statistics_agree_with_their_definitions(adapter, repository):
    pairs, inside = [], 0
    for batch_size in range(1, 13):
        asked = {"model_name": "resnet50", "batch_size": batch_size}
        one = adapter.predict_performance(**asked, hardware="cuda")["predictions"]["cuda"]
        actual = one["latency"] * (1.1 if batch_size % 2 else 0.8)
        adapter.record_actual_performance(**asked, hardware_platform="cuda", latency=actual)
        pairs.append((one["latency"], actual))
        inside += one["latency_lower"] <= actual <= one["latency_upper"]

    stats = repository.get_prediction_accuracy_stats(model_name="resnet50", metric="latency")
    found = stats["latency"]

    errors = [p - a for p, a in pairs]
    mean = sum(a for _, a in pairs) / 12
    spread = sum((a - mean) ** 2 for _, a in pairs)
    relative = [abs(p - a) / a for p, a in pairs]
    assert (found["count"], found["unit"]) == (12, "ms")
    assert found["bias"] == pytest.approx(sum(errors) / 12)
    assert found["mean_absolute_error"] == pytest.approx(sum(map(abs, errors)) / 12)
    assert found["mean_relative_error"] == pytest.approx(sum(relative) / 12)
    assert found["r_squared"] == pytest.approx(1 - sum(e * e for e in errors) / spread)
    assert (found["min"], found["max"]) == pytest.approx((min(errors), max(errors)))
    assert found["mean_actual"] == pytest.approx(mean)
    assert found["coverage"] == inside / 12
    assert stats["overall"]["count"] == 12
    assert stats["overall"]["mean_relative_error"] == pytest.approx(found["mean_relative_error"])
    assert set(stats) == {"latency", "overall"}


def test_one_pair_has_a_count_but_no_spread(adapter, repository):
    adapter.predict_performance("resnet50", hardware="cuda")
    adapter.record_actual_performance("resnet50", hardware_platform="cuda", latency=5.0)

    found = repository.get_prediction_accuracy_stats()["latency"]

    assert (found["count"], found["std"], found["r_squared"]) == (1, None, None)


def test_no_pairs_give_every_key(repository):
    stats = repository.get_prediction_accuracy_stats()

    assert set(stats) == {"throughput", "latency", "memory_usage", "overall"}
    assert all(part["count"] == 0 for part in stats.values())
    with pytest.raises(InvalidInputError, match="metric"):
        repository.get_prediction_accuracy_stats(metric="speed")


def test_mappings_and_recommendations_of_others_are_stored(repository):
    identifier = repository.store_hardware_model_mapping(
        model_name="resnet50", hardware_platform="cuda", compatibility_score=0.9, rank=1,
        is_primary=True, reason="we have many",
    )  # fmt: skip
    (mapping,) = repository.get_hardware_model_mappings(hardware_platform="cuda")
    assert (mapping["mapping_id"], mapping["compatibility_score"]) == (identifier, 0.9)
    assert repository.get_hardware_model_mappings(model_name="bert-base-uncased") == []
    with pytest.raises(InvalidInputError, match="compatibility_score"):
        repository.store_hardware_model_mapping(
            model_name="resnet50", hardware_platform="cuda", compatibility_score=2.0
        )

    made = repository.store_recommendation(
        model_name="resnet50", primary_recommendation="nvidia-l4", fallback_options=["nvidia-t4"],
        explanation="we have many", user_id="ada",
    )  # fmt: skip
    (row,) = repository.get_recommendations(user_id="ada")
    assert row["recommendation_id"] == made
    assert (row["primary_recommendation"], row["fallback_options"]) == ("nvidia-l4", ["nvidia-t4"])
    assert row["compatible_hardware"] == ["nvidia-l4", "nvidia-t4"]


def test_sample_data_is_hidden_by_the_first_real_row(repository):
    made = repository.generate_sample_data(num_models=1, seed=1)
    assert made["performance_measurements"] == len(repository.get_measurements()) == 12

    repository.store_measurement(**RUN)

    assert len(repository.get_measurements()) == 1
    assert len(repository.get_measurements(include_sample=True)) == 13
    with pytest.raises(InvalidInputError, match="real rows"):
        repository.generate_sample_data()


def test_processes_share_one_file(repository):
    program = (
        "import sys; from perfpredict import DuckDBPredictorRepository as R;"
        "R(sys.argv[1]).store_measurement(model_name='resnet50', hardware_platform='nvidia-l4',"
        "latency=1.0)"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(repository.db_path)], stderr=subprocess.PIPE
        )
        for _ in range(3)
    ]
    for one in running:
        _, stderr = one.communicate(timeout=120)
        assert (one.returncode, stderr) == (0, b"")

    assert len(repository.get_measurements()) == 3


def test_importing_the_package_loads_no_other_library():
    program = (
        "import sys, perfpredict; heavy = {'duckdb', 'polars', 'lightgbm', 'numpy', 'typer'};"
        "print(sorted(heavy & set(sys.modules)), len(perfpredict.__all__))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.startswith("[] ")


def test_everything_that_is_promised_is_there():
    import perfpredict

    for name in perfpredict.__all__:
        assert getattr(perfpredict, name)
        assert name in dir(perfpredict)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = perfpredict.nothing
    assert perfpredict.HardwareModelPredictor is HardwareModelPredictor


def test_a_database_that_is_kept_open_commits_each_call_by_itself(tmp_path):
    repository = DuckDBPredictorRepository(tmp_path / "kept.duckdb")

    with pytest.raises(ZeroDivisionError), repository.keep_open():
        repository.store_measurement(**RUN)
        with pytest.raises(UnknownDeviceError):
            repository.store_measurement(**{**RUN, "hardware_platform": "banana"})
        repository.store_measurement(**{**RUN, "batch_size": 8})
        assert len(repository.get_measurements()) == 2
        _ = 1 / 0

    batches = [row["batch_size"] for row in repository.get_measurements()]
    assert sorted(batches) == [4, 8]


def test_a_database_that_is_kept_open_is_locked_until_it_is_let_go(tmp_path):
    path = tmp_path / "kept.duckdb"
    repository = DuckDBPredictorRepository(path)
    list_rows = [
        sys.executable, "-m", "perfpredict", "measure", "list", "--db", str(path),
        "--lock-timeout", "0.1",
    ]  # fmt: skip

    with repository.keep_open():
        busy = subprocess.run(list_rows, capture_output=True, text=True, check=False)
    free = subprocess.run(list_rows, capture_output=True, text=True, check=False)

    assert (busy.returncode, free.returncode) == (5, 0)
