"""`perfpredict sample`: made-up rows that agree with each other and never pass for real ones."""

import json

import pytest


def rows(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def values(run, name):
    kept = ("model", "hardware", "batch_size", "throughput_per_s", "latency_ms", "memory_mib")
    listed = rows(run("measure", "list", "--limit", "0", "--json", "--db", name))
    return [[row[key] for key in kept] for row in listed]


def test_the_same_seed_gives_the_same_values_and_another_one_others(run):
    for name, seed in (("a.duckdb", "3"), ("b.duckdb", "3"), ("c.duckdb", "4")):
        small = ("--num-models", "1", "--measurements", "6")
        rows(run("sample", "generate", *small, "--seed", seed, "--db", name, "--json"))

    assert values(run, "a.duckdb") == values(run, "b.duckdb")
    assert values(run, "a.duckdb") != values(run, "c.duckdb")


def test_counts_are_those_of_the_tables_and_everything_is_marked(run):
    made = rows(run("sample", "generate", "--num-models", "3", "--json"))

    held = {row["table"]: row for row in rows(run("sample", "status", "--json"))}
    assert {name: made[name] for name in held} == {
        name: row["sample"] for name, row in held.items()
    }
    assert all(row["real"] == 0 for row in held.values())
    assert made["prediction_models"] == 1
    assert run("db", "check").returncode == 0
    assert all(row["sample"] for row in rows(run("measure", "list", "--json")))


def test_throughput_and_latency_agree_up_to_noise(run):
    rows(run("sample", "generate", "--num-models", "1", "--json"))

    for row in rows(run("measure", "list", "--limit", "0", "--json")):
        work = row["throughput_per_s"] * row["latency_ms"] / 1000
        assert work == pytest.approx(row["batch_size"], rel=0.15)


def test_every_command_has_something_to_show(run):
    rows(run("sample", "generate", "--json"))

    assert rows(run("perf", "analyze", "--json"))
    assert rows(run("hardware", "history", "--json"))
    assert rows(run("feedback", "summary", "--json"))[0]["answered"] > 0
    (model,) = rows(run("models", "list", "--json"))
    assert not model["active"]
    assert rows(run("models", "importance", model["model_id"], "--json"))
    assert run("models", "verify").returncode == 0


def test_sample_rows_are_not_mixed_into_real_ones_unasked(run):
    line = ("perf", "predict", "resnet50", "--hardware", "nvidia-l4", "--json")
    rows(run(*line))

    refused = run("sample", "generate")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "has real rows" in refused.stderr
    assert "--into-real" in refused.stderr

    rows(run("sample", "generate", "--num-models", "1", "--into-real", "--json"))
    assert len(rows(run("perf", "list", "--json"))) == 1


def test_a_real_mapping_is_not_replaced_by_a_made_up_one(run):
    rows(run("hardware", "recommend", "bert-base-uncased", "--batch-size", "8", "--hardware",
             "nvidia-l4", "--json"))  # fmt: skip
    before = rows(run("hardware", "compat", "--json"))

    rows(run("sample", "generate", "--num-models", "1", "--into-real", "--json"))

    assert rows(run("hardware", "compat", "--json")) == before


def test_clearing_leaves_the_real_rows(run):
    rows(run("perf", "predict", "resnet50", "--hardware", "nvidia-l4", "--json"))
    rows(run("sample", "generate", "--num-models", "1", "--into-real", "--json"))

    planned = rows(run("sample", "clear", "--dry-run", "--json"))
    deleted = rows(run("sample", "clear", "--yes", "--json"))

    assert planned == deleted
    assert sum(row["deleted"] for row in deleted) > 0
    left = rows(run("sample", "status", "--json"))
    assert (sum(row["sample"] for row in left), sum(row["real"] for row in left)) == (0, 1)
    assert run("db", "check").returncode == 0


def test_a_dry_run_makes_no_database(run):
    made = rows(run("sample", "generate", "--dry-run", "--json"))

    assert made["performance_measurements"] == 60
    assert run("sample", "status").returncode == 3


def test_quiet_prints_the_ids_of_the_measurements(run):
    done = run("sample", "generate", "--num-models", "1", "--measurements", "2", "-q")

    ids = done.stdout.split()
    assert (done.returncode, done.stderr, len(ids)) == (0, "", 2)
    assert run("measure", "show", ids[0], "--json").returncode == 0


@pytest.mark.parametrize(
    "options",
    [("--num-models", "0"), ("--num-models", "99999"), ("--noise", "nan"), ("--noise", "-1"),
     ("--noise", "2"), ("--seed", "-1"), ("--measurements", "0"), ("--seed", "1.5")],
)  # fmt: skip
def test_what_cannot_be_made_up_is_refused(options, run):
    done = run("sample", "generate", *options)

    assert (done.returncode, done.stdout) == (2, "")


def test_too_few_rows_train_no_predictor_and_say_so(run):
    done = run("sample", "generate", "--num-models", "1", "--json")

    assert rows(done)["prediction_models"] == 0
    assert "no predictor" in done.stderr
