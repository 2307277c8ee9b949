"""`perf` and `hardware recommend`: what a script relies on, through the real program."""

import json


def rows(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_file_of_workloads_is_predicted_row_by_row(run):
    text = "model,hardware,batch,dtype\nresnet50,nvidia-l4,8,fp16\nbert-base-uncased,,1,\n"
    done = run("perf", "predict", "--input", "-", "--input-format", "csv",
               "--hardware", "nvidia-t4", "--json", stdin=text)  # fmt: skip
    found = rows(done)
    assert [(r["model"], r["hardware"], r["batch_size"], r["precision"]) for r in found] == [
        ("resnet50", "nvidia-l4", 8, "fp16"),
        ("bert-base-uncased", "nvidia-t4", 1, "fp32"),
    ]
    assert len(rows(run("perf", "list", "--json"))) == 2


def test_the_version_of_the_framework_is_kept_and_shown_only_where_it_was_given(run):
    shape = ("resnet50", "--hardware", "nvidia-l4", "--json")
    version = "PyTorch 2.4.0, CUDA 12.4"
    (plain,) = rows(run("perf", "predict", *shape))
    (asked,) = rows(run("perf", "predict", *shape, "--framework-version", version))
    assert "framework_version" not in plain
    assert asked["framework_version"] == version
    assert {row["framework_version"] for row in rows(run("perf", "list", "--json"))} == {
        version, None,
    }  # fmt: skip
    shown = rows(run("perf", "show", asked["prediction_id"], "--json"))
    assert shown["framework_version"] == version
    done = run("perf", "predict", *shape, "--framework-version", " ")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--framework-version: must not be blank" in done.stderr


def test_a_file_of_workloads_may_name_versions(run):
    text = "model,framework,torch_version\nresnet50,pytorch,2.4.0+cu124\nresnet50,,\n"
    done = run("perf", "predict", "--input", "-", "--input-format", "csv",
               "--hardware", "nvidia-t4", "--json", stdin=text)  # fmt: skip
    assert [row.get("framework_version") for row in rows(done)] == ["2.4.0+cu124", None]


def test_a_bad_row_names_file_line_and_column_and_stores_nothing(run):
    bad = "model,batch\nresnet50,8\nresnet50,many\n"
    done = run("perf", "predict", "--input", "-", "--input-format", "csv",
               "--hardware", "nvidia-t4", stdin=bad)  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert "stdin:3: batch_size" in done.stderr
    unknown = "model\nno-such-net\n"
    done = run("perf", "predict", "--input", "-", "--input-format", "csv",
               "--hardware", "nvidia-t4", stdin=unknown)  # fmt: skip
    assert (done.returncode, done.stdout) == (3, "")
    assert "stdin:2" in done.stderr
    assert run("perf", "list").returncode == 3


def test_a_probe_of_this_machine_is_what_cpu_then_stands_for(run):
    assert run("hardware", "probe", "--seconds", "1").returncode == 0
    (shown,) = [rows(run("hardware", "show", "cpu", "--json"))]
    assert shown["name"] == "local-cpu"
    assert shown["is_probed"] is True


def test_predict_then_record_then_analyze_closes_the_loop(run):
    shape = ("resnet50", "--hardware", "nvidia-l4", "--batch-size", "8")
    (predicted,) = rows(run("perf", "predict", *shape, "--json"))
    measured = predicted["latency_ms"] * 1.5
    done = run("measure", "record", *shape, "--latency", f"{measured}ms")
    assert done.returncode == 0, done.stderr
    (latency,) = rows(run("perf", "analyze", "--metric", "latency", "--json"))
    assert latency["n"] == 1
    assert abs(latency["median_abs_rel_error"] - 1 / 3) < 1e-9
    (again,) = rows(run("perf", "predict", *shape, "--json"))
    assert predicted["latency_ms"] < again["latency_ms"] <= measured
    gate = ("perf", "check", "--metric", "latency", "--min-samples", "1")
    assert run(*gate, "--max-median-error", "0.5").returncode == 0
    failed = run(*gate, "--max-median-error", "0.1", "--format", "github")
    assert failed.returncode == 4
    assert failed.stdout.startswith("::error::")
    assert run("perf", "check", "--metric", "latency", "--max-median-error", "1").returncode == 3


def test_a_rejected_device_is_ranked_lower_and_the_output_says_why(run):
    ask = ("hardware", "recommend", "resnet50", "--hardware", "nvidia-h100-sxm,nvidia-l4", "--json")
    first = rows(run(*ask))
    assert first["primary"]["hardware"] == "nvidia-h100-sxm"
    done = run("feedback", "record", first["recommendation_id"], "--accepted", "no")
    assert done.returncode == 0, done.stderr
    second = rows(run(*ask))
    assert second["primary"]["hardware"] == "nvidia-l4"
    assert "rejected once" in second["candidates"][-1]["reason"]


def test_no_device_within_the_limits_exits_4_and_names_the_nearest(run):
    done = run("hardware", "recommend", "resnet50", "--hardware", "nvidia-l4",
               "--max-latency-ms", "0.001")  # fmt: skip
    assert done.returncode == 4
    assert "the nearest is nvidia-l4" in done.stderr


def test_two_names_of_one_device_are_shown_once_and_said(run):
    done = run("perf", "predict", "resnet50", "--hardware", "nvidia-l4,L4", "--json")
    assert [row["hardware"] for row in rows(done)] == ["nvidia-l4"]
    assert "nvidia-l4 and L4 all stand for nvidia-l4" in done.stderr


def test_a_predictor_that_is_stored_nowhere_is_no_other_predictor(run):
    asked = ("perf", "predict", "resnet18", "--hardware", "nvidia-l4", "--no-store")

    done = run(*asked, "--predictor", "nosuch")

    assert (done.returncode, done.stdout) == (3, "")
    assert "no predictor 'nosuch'" in done.stderr
