"""The guide's command lines, translated by the command table: all of their options are accepted."""

import json

PREDICT_HARDWARE = (
    "hardware recommend --model bert-base-uncased --family embedding --batch-size 8 "
    "--precision fp16 --hardware cuda,cpu,rocm,mps,openvino --predict-performance"
)
PREDICT_PERFORMANCE = (
    "perf predict --model bert-base-uncased --family embedding --hardware cuda,cpu "
    "--batch-size 8 --precision fp16"
)
RECORD_MEASUREMENT = (
    "measure record --model bert-base-uncased --family embedding --hardware cuda --batch-size 8 "
    "--precision fp16 --throughput 123.45 --latency 7.89 --memory 1024.5"
)
ANALYZE = "perf analyze --model bert-base-uncased --hardware cuda --metric throughput --days 30"
FEEDBACK = (
    "feedback record --recommendation-id {} --accepted yes "
    '--feedback "Works great on our production environment"'
)
LIST_RECOMMENDATIONS = "hardware history --model bert-base-uncased --days 30 --limit 20"
LIST_MODELS = "models list --target-metric throughput --hardware cuda"
GENERATE = "sample generate --num-models 10"


def rows(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_main_line_of_the_guide_works_from_end_to_end(run):
    found = rows(run(PREDICT_HARDWARE, "--json"))
    recommendation = found["recommendation_id"]
    predicted = rows(run(PREDICT_PERFORMANCE, "--json"))
    assert {row["model"] for row in predicted} == {"bert-base-uncased"}
    assert len(predicted) == 2

    recorded = rows(run(RECORD_MEASUREMENT, "--json"))
    assert recorded["prediction_id"] == predicted[0]["prediction_id"]

    answered = rows(run(FEEDBACK.format(recommendation), "--json"))
    assert answered["accepted"] == "yes"
    (past,) = rows(run(LIST_RECOMMENDATIONS, "--json"))
    assert past["recommendation_id"] == recommendation
    assert past["comment"] == "Works great on our production environment"


def test_a_throughput_that_contradicts_its_latency_is_warned_about_and_not_analysed(run):
    rows(run(PREDICT_PERFORMANCE, "--json"))
    recorded = run(RECORD_MEASUREMENT)
    assert "batches/s" in recorded.stderr

    analysed = run(ANALYZE)

    assert (analysed.returncode, analysed.stdout) == (3, "")


def test_accuracy_is_analysed_once_there_are_pairs(run):
    rows(run(PREDICT_PERFORMANCE, "--json"))
    rows(run(RECORD_MEASUREMENT.replace("123.45", "1013.9"), "--json"))

    (found,) = rows(run(ANALYZE, "--json"))

    assert (found["metric"], found["n"]) == ("throughput", 1)


def test_listing_models_needs_a_database_and_no_model(run):
    assert run(LIST_MODELS).returncode == 3
    rows(run(PREDICT_PERFORMANCE, "--json"))

    assert rows(run(LIST_MODELS, "--json")) == []


def test_sample_data_is_generated_for_as_many_models_as_asked(run):
    made = rows(run(GENERATE, "--json"))

    assert made["performance_measurements"] == 120
    listed = rows(run("measure list --limit 0", "--json"))
    assert len({row["model"] for row in listed}) == 10


def test_the_database_option_of_the_guide_is_accepted(run):
    rows(run(PREDICT_PERFORMANCE, "--database", "team.duckdb", "--json"))

    assert len(rows(run("perf list --db team.duckdb", "--json"))) == 2


def test_the_family_of_the_guide_finds_the_rows(run):
    rows(run(PREDICT_PERFORMANCE, "--json"))

    assert len(rows(run("perf list --family embedding", "--json"))) == 2
    assert rows(run("perf list --family vision", "--json")) == []
