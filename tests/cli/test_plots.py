"""`--plot` through the real program: in a pipe where it is asked for, and never in JSON."""

import json


def test_a_device_and_a_prediction_have_a_roofline(run, run_apart):
    ascii_only = {"PYTHONIOENCODING": "ascii"}
    done = run_apart("hardware", "show", "nvidia-l4", "--plot", env=ascii_only)
    assert done.returncode == 0, done.stderr
    assert "roofline of nvidia-l4" in done.stdout and "/" in done.stdout
    done = run("perf", "predict", "resnet18", "--hardware", "nvidia-l4", "--no-store", "--plot")
    assert "element-wise operations" in done.stdout and "╱" in done.stdout


def test_accuracy_is_plotted_from_the_pairs_that_count(run):
    assert run("sample", "generate", "--num-models", "2").returncode == 0
    analyze = ("perf", "analyze", "--metric", "latency", "--by", "device")
    done = run(*analyze, "--plot")
    for text in ("predicted latency, ms", "relative errors of latency", "coverage by group"):
        assert text in done.stdout, text
    rows = json.loads(run(*analyze, "--plot", "--json").stdout)
    bars = done.stdout.partition("relative errors")[2].partition("coverage")[0].splitlines()[1:]
    counts = [int(line.rsplit(maxsplit=1)[1]) for line in bars if line.strip()]
    assert sum(counts) == sum(row["n"] for row in rows)
    worst = run(*analyze, "--worst", "3", "--plot")
    assert "measurement_id" in worst.stdout and "relative errors" in worst.stdout
    assert "roofline" not in run("hardware", "show", "nvidia-l4").stdout


def test_a_sweep_names_the_knee_and_what_fits_and_ends_with_4_where_nothing_does(run):
    done = run("perf", "sweep", "resnet18", "--hardware", "nvidia-l4", "--up-to", "8", "--json")
    found = json.loads(done.stdout)
    (one,) = found["sweeps"]
    assert one["knee"] in {row["batch_size"] for row in found["points"] if row["mark"]}
    assert one["surely_largest"] <= one["largest"] == found["points"][-1]["batch_size"]
    assert f"the largest batch that fits is {one['largest']} by the estimate" in done.stderr
    done = run("perf", "sweep", "llama-2-70b", "--hardware", "nvidia-l4", "--precision", "fp16")
    assert done.returncode == 4 and "not even a size of 1 fits" in done.stderr
