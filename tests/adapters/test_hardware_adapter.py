"""The hardware predictor and its adapter: names, keys, units, links and feedback."""

import pytest

from perfpredict import (
    HardwareModelPredictor,
    InvalidInputError,
    ModelFacts,
    UnknownDeviceError,
    UnknownIdError,
    UnknownModelError,
)

BERT = {"model_name": "bert-base-uncased", "model_family": "embedding", "batch_size": 8,
        "precision": "fp16"}  # fmt: skip
METRICS = ("throughput", "latency", "memory_usage")


def test_a_prediction_has_every_key_and_its_parts_agree(adapter):
    found = adapter.predict_performance(**BERT, hardware=["cuda", "nvidia-l4"])

    assert found["model_name"] == "bert-base-uncased"
    assert (found["batch_size"], found["precision"], found["sequence_length"]) == (8, "fp16", 128)
    assert set(found["predictions"]) == {"cuda", "nvidia-l4"}
    one = found["predictions"]["cuda"]
    assert one["device"] != "cuda"
    assert (one["basis"], one["source"]) == ("learned", "learned")
    for metric in METRICS:
        assert one[f"{metric}_lower"] < one[metric] < one[f"{metric}_upper"]
    assert one["throughput"] * one["latency"] == pytest.approx(8000, rel=1e-9)
    assert 200 < one["memory_usage"] < 5000


def test_the_version_of_the_framework_comes_back_with_the_answer(adapter):
    found = adapter.predict_performance(
        **BERT, hardware=["nvidia-l4"], framework="pytorch", framework_version="2.4.0+cu124"
    )

    assert found["framework_version"] == "2.4.0+cu124"


def test_two_names_of_one_device_are_both_answered(adapter):
    found = adapter.predict_performance("resnet50", hardware=["nvidia-l4", "NVIDIA L4"])

    first, second = found["predictions"].values()
    assert first["device"] == second["device"]
    assert first["prediction_id"] == second["prediction_id"]


def test_what_does_not_fit_has_no_numbers(adapter):
    found = adapter.predict_performance("llama-3.1-70b", precision="fp16", hardware="nvidia-l4")

    one = found["predictions"]["nvidia-l4"]
    assert (one["fits"], one["latency"], one["throughput"]) == (False, None, None)
    assert one["memory_usage"] > one["memory_capacity"]
    assert one["prediction_id"]


def test_predictions_are_stored_as_they_are_answered(adapter, repository):
    found = adapter.predict_performance(**BERT, hardware="cuda")

    (row,) = repository.get_predictions()
    one = found["predictions"]["cuda"]
    assert {key: row[key] for key in one if key != "source"} == {
        key: value for key, value in one.items() if key != "source"
    }
    assert row["user_id"] == "ada"


def test_a_recommendation_keeps_the_names_that_were_given(adapter):
    found = adapter.predict_optimal_hardware(**BERT, available_hardware=["cuda", "cpu", "rocm"])

    names = {found["primary_recommendation"], *found["fallback_options"]}
    assert names == set(found["compatible_hardware"]) == {"cuda", "cpu", "rocm"}
    assert found["primary_recommendation"] != "cpu"
    assert found["recommendation_id"].startswith("rec-")
    assert found["explanation"]
    assert [one["rank"] for one in found["candidates"]] == [1, 2, 3]


def test_without_hardware_this_machine_is_recommended_and_every_next_step_takes_its_name(
    adapter, repository
):
    name = adapter.predict_optimal_hardware("resnet18")["primary_recommendation"]

    predicted = adapter.predict_performance("resnet18", hardware=name)["predictions"][name]
    recorded = adapter.record_actual_performance(
        "resnet18", hardware_platform=name, latency=50.0,
        prediction_id=predicted["prediction_id"],
    )  # fmt: skip

    assert recorded["prediction_id"] == predicted["prediction_id"]
    stats = repository.get_prediction_accuracy_stats("latency", hardware_platform=name)
    assert stats["latency"]["count"] == 1


def test_hardware_on_which_nothing_fits_is_named_with_its_reason(adapter):
    found = adapter.predict_optimal_hardware(
        "llama-3.1-70b", precision="fp16", available_hardware=["nvidia-l4"]
    )

    assert found["primary_recommendation"] is None
    assert found["compatible_hardware"] == []
    (excluded,) = found["excluded_hardware"]
    assert excluded["hardware"] == "nvidia-l4"
    assert "does not fit" in excluded["reason"]


def test_limits_are_in_the_units_of_the_other_keys(adapter):
    asked = {"available_hardware": ["nvidia-l4", "intel-xeon-8380"]}
    free = adapter.predict_optimal_hardware(**BERT, **asked)
    slowest = max(one["latency_upper"] for one in free["candidates"])
    fastest = min(one["latency_upper"] for one in free["candidates"])

    limited = adapter.predict_optimal_hardware(
        **BERT, **asked, max_latency=(slowest * fastest) ** 0.5
    )

    assert len(limited["fallback_options"]) == len(free["fallback_options"]) - 1


def test_a_measurement_meets_its_prediction_and_errors_have_the_units(adapter):
    predicted = adapter.predict_performance(**BERT, hardware="cuda")["predictions"]["cuda"]

    recorded = adapter.record_actual_performance(
        **BERT, hardware_platform="cuda", throughput=800.0, latency=10.0, memory_usage=1024.0
    )

    assert recorded["prediction_id"] == predicted["prediction_id"]
    assert set(recorded["errors"]) == set(METRICS)
    memory = recorded["errors"]["memory_usage"]
    assert memory["actual_value"] == pytest.approx(1024.0)
    assert memory["predicted_value"] == pytest.approx(predicted["memory_usage"])
    assert memory["error"] == pytest.approx(predicted["memory_usage"] - 1024.0)
    assert recorded["measurement"]["memory_usage"] == 1024.0
    assert recorded["warnings"] == []


def test_a_measurement_of_something_else_meets_no_prediction(adapter):
    adapter.predict_performance(**BERT, hardware="cuda")

    recorded = adapter.record_actual_performance(
        **{**BERT, "batch_size": 16}, hardware_platform="cuda", latency=10.0
    )

    assert (recorded["prediction_id"], recorded["errors"]) == (None, {})


def test_values_that_contradict_each_other_are_stored_with_a_warning(adapter):
    recorded = adapter.record_actual_performance(
        **BERT, hardware_platform="cuda", throughput=123.45, latency=7.89, memory_usage=1024.5
    )

    (warning,) = recorded["warnings"]
    assert "batches/s" in warning


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0, -1.0, "fast", True])
@pytest.mark.parametrize("name", ["throughput", "latency"])
def test_an_impossible_value_is_refused_by_its_name(adapter, repository, name, value):
    with pytest.raises(InvalidInputError, match=name):
        adapter.record_actual_performance(**BERT, hardware_platform="cuda", **{name: value})

    assert repository.get_measurements() == []


def test_numbers_of_numpy_are_numbers(adapter):
    numpy = pytest.importorskip("numpy")

    recorded = adapter.record_actual_performance(
        "resnet50", hardware_platform="cuda", batch_size=numpy.int64(4),
        latency=numpy.float32(2.5),
    )  # fmt: skip

    assert recorded["measurement"]["batch_size"] == 4
    assert recorded["measurement"]["latency"] == 2.5


def test_the_last_feedback_counts_and_is_refused_for_no_recommendation(adapter, repository):
    made = adapter.predict_optimal_hardware(**BERT, available_hardware=["cuda", "cpu"])
    (pending,) = repository.get_recommendations()
    assert pending["was_accepted"] is None

    adapter.record_recommendation_feedback(made["recommendation_id"], True, "fine")
    again = adapter.record_recommendation_feedback(
        made["recommendation_id"], was_accepted=False, user_feedback="stock"
    )

    assert (again["was_accepted"], again["previous"]) == (False, True)
    (row,) = repository.get_recommendations(was_accepted=False)
    assert (row["was_accepted"], row["user_feedback"], row["user_id"]) == (False, "stock", "ada")
    assert row["primary_recommendation"] == made["primary_recommendation"]
    assert row["fallback_options"] == made["fallback_options"]
    assert repository.get_recommendations(pending=True) == []
    with pytest.raises(UnknownIdError):
        adapter.record_recommendation_feedback("rec-00000000000000000000000000", True)
    with pytest.raises(InvalidInputError, match="was_accepted"):
        adapter.record_recommendation_feedback(made["recommendation_id"], "no")


def test_a_rejected_device_is_ranked_lower_the_next_time(adapter):
    asked = {**BERT, "available_hardware": ["nvidia-l4", "nvidia-t4"]}
    first = adapter.predict_optimal_hardware(**asked)
    adapter.record_recommendation_feedback(first["recommendation_id"], was_accepted=False)

    second = adapter.predict_optimal_hardware(**asked)

    assert second["primary_recommendation"] == first["fallback_options"][0]
    assert "rejected once" in second["candidates"][1]["reason"]


def test_what_is_unknown_is_an_error_with_a_suggestion(adapter):
    with pytest.raises(UnknownDeviceError) as device:
        adapter.predict_performance("resnet50", hardware="nvidia-l44")
    assert "nvidia-l4" in device.value.hint
    with pytest.raises(UnknownModelError):
        adapter.predict_performance("my-own-network", hardware="cuda")
    with pytest.raises(TypeError, match="batchsize"):
        adapter.predict_performance("resnet50", hardware="cuda", batchsize=4)
    with pytest.raises(InvalidInputError, match="hardware"):
        adapter.predict_performance("resnet50", hardware=[])


def test_an_unknown_model_is_answered_from_its_size(adapter):
    facts = ModelFacts(parameters=25e6, flops=8.2e9)

    found = adapter.predict_performance("my-own-network", hardware="cuda", facts=facts)

    assert found["predictions"]["cuda"]["latency"] > 0


def test_the_plain_predictor_answers_the_same_and_stores_nothing(adapter, repository):
    plain = HardwareModelPredictor()

    found = plain.predict_performance(**BERT, hardware="cuda")["predictions"]["cuda"]
    ranked = plain.predict_optimal_hardware(**BERT, available_hardware=["cuda", "cpu"])

    assert repository.get_predictions() == []
    assert (found["prediction_id"], ranked["recommendation_id"]) == (None, None)
    stored = adapter.predict_performance(**BERT, hardware="cuda")["predictions"]["cuda"]
    assert found["latency"] == stored["latency"]


def test_a_batch_is_answered_and_stored_like_single_questions(adapter, repository):
    questions = [
        {"model_name": "resnet50", "hardware": ["nvidia-l4", "cuda"], "batch_size": size}
        for size in (1, 8)
    ]

    batch = adapter.predict_performance_batch(questions)

    assert len(repository.get_predictions()) == 4
    for question, found in zip(questions, batch, strict=True):
        alone = adapter.predict_performance(**question)
        for name, one in found["predictions"].items():
            assert one["latency"] == alone["predictions"][name]["latency"]
    with pytest.raises(TypeError, match="batchsize"):
        adapter.predict_performance_batch([{"model_name": "resnet50", "batchsize": 1}])
    assert adapter.predict_performance_batch([]) == []
