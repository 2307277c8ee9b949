"""`perfpredict measure` through the real program: streams, exit codes, files and round trips."""

import csv
import io
import json
import shlex
from pathlib import Path

import pytest

from .conftest import Run

DATA = Path(__file__).parent.parent / "data"
GUIDE_LINE = (
    "--model bert-base-uncased --family embedding --hardware nvidia-l4 --batch-size 8 "
    "--precision fp16 --throughput 123.45 --latency 7.89 --memory 1024.5"
)
RESNET = ["resnet50", "--hardware", "nvidia-l4", "--batch-size", "8", "--precision", "fp16"]
BENCH = [str(DATA / "bench.csv"), "--map", "tps=throughput,when=measured_at,lat_s=latency_s"]


def document(stdout: str) -> dict[str, object]:
    found = json.loads(stdout)
    assert isinstance(found, dict)
    return found


def test_the_guides_line_is_recorded_word_by_word_with_a_warning(run: Run) -> None:
    done = run("measure", "record", *shlex.split(GUIDE_LINE), "--json")

    assert done.returncode == 0
    found = document(done.stdout)
    assert str(found["measurement_id"]).startswith("meas-")
    actuals = {row["metric"]: row["actual"] for row in found["metrics"]}  # type: ignore[attr-defined]
    assert actuals == {"throughput": 123.45, "latency": 7.89, "memory": 1024.5}
    assert "throughput looks like batches/s, not samples/s" in done.stderr


def test_a_measurement_meets_the_prediction_made_before_it(run: Run) -> None:
    predicted = run("perf", "predict", *RESNET, "-q").stdout.strip()

    done = run("measure", "record", *RESNET, "--latency", "9ms", "--json")

    found = document(done.stdout)
    assert found["prediction_id"] == predicted
    (row,) = found["metrics"]  # type: ignore[misc]
    assert row["rel_error"] == pytest.approx(row["predicted"] / 9 - 1)
    assert row["inside"] == (row["lo"] <= 9 <= row["hi"])


def test_the_version_of_the_framework_is_recorded_exported_and_imported(run: Run) -> None:
    predicted = run("perf", "predict", *RESNET, "-q").stdout.strip()
    version = ["--framework-version", "2.4.0+cu124"]
    done = run("measure", "record", *RESNET, *version, "--latency", "9ms", "--json")
    plain = run("measure", "record", *RESNET, "--latency", "8ms", "-q").stdout.strip()

    found = document(done.stdout)
    assert found["prediction_id"] == predicted
    shown = document(run("measure", "show", str(found["measurement_id"]), "--json").stdout)
    assert shown["framework_version"] == "2.4.0+cu124"
    bare = run("measure", "show", plain, "--format", "csv").stdout.splitlines()[0]
    assert "framework_version" not in bare.split(",")
    exported = run("measure", "export", "-o", "rows.csv")
    assert exported.returncode == 0, exported.stderr
    assert run("measure", "import", "rows.csv", "--db", "other.duckdb").returncode == 0
    again = csv.DictReader(io.StringIO(run("measure", "export", "--db", "other.duckdb").stdout))
    assert sorted(row["framework_version"] for row in again) == ["", "2.4.0+cu124"]


def test_quiet_prints_the_id_alone_and_show_finds_it_by_its_beginning(run: Run) -> None:
    done = run("measure", "record", *RESNET, "--latency", "9ms", "--memory", "1GiB", "-q")
    identifier = done.stdout.strip()

    shown = document(run("measure", "show", identifier[:20], "--json").stdout)

    assert done.stderr == ""
    assert shown["measurement_id"] == identifier
    assert shown["memory_mib"] == 1024
    assert shown["image_size"] == 224


BAD = ["nan", "inf", "-inf", "-1", "1e999", "1e-320", "", "abc", "1,5", "５", "0x10", "1_000"]


@pytest.mark.parametrize(
    ("option", "value"),
    list(zip(["--throughput", "--latency", "--memory"] * 4, BAD, strict=True)),
)
def test_an_unusable_number_is_refused_with_its_option_named(
    run: Run, option: str, value: str
) -> None:
    done = run("measure", "record", *RESNET, f"{option}={value}")

    assert (done.returncode, done.stdout) == (2, "")
    assert option in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["resnet50", "--latency", "1"], 2, "--hardware: must be given"),
        ([*RESNET], 2, "give at least one of --throughput, --latency and --memory"),
        (["resnet50", "--hardware", "cdua", "--latency", "1"], 2, "did you mean 'cuda'?"),
        (["resnet5", "--hardware", "nvidia-l4", "--latency", "1"], 3, "did you mean"),
        ([*RESNET, "--latency", "1", "--at", "2199-01-01"], 2, "lies more than a day ahead"),
        ([*RESNET, "--latency", "1", "--prediction-id", "pred-01KAV8ZZZZ"], 3, "pred-"),
        ([*RESNET, "--latency", "1", "--latency-p50", "1"], 2, "are the same"),
    ],
)
def test_what_cannot_be_recorded_says_why_and_changes_nothing(
    run: Run, arguments: list[str], code: int, told: str
) -> None:
    run("measure", "record", *RESNET, "--latency", "1")

    done = run("measure", "record", *arguments)

    assert (done.returncode, done.stdout) == (code, "")
    assert told in done.stderr
    assert len(json.loads(run("measure", "list", "--json").stdout)) == 1


def test_a_dry_run_makes_no_database(run: Run) -> None:
    done = run("measure", "record", *RESNET, "--latency", "1", "--dry-run")

    assert done.returncode == 0
    assert run("measure", "list").returncode == 3


def test_a_prediction_of_another_workload_is_linked_only_by_force(run: Run) -> None:
    other = run("perf", "predict", "resnet18", *RESNET[1:], "-q").stdout.strip()
    given = [*RESNET, "--latency", "9", "--prediction-id", other]

    refused, forced = run("measure", "record", *given), run("measure", "record", *given, "--force")

    assert refused.returncode == 2
    assert "model_name differ" in refused.stderr
    assert forced.returncode == 0
    assert "marked" in forced.stderr


def test_check_is_a_gate(run: Run) -> None:
    run("perf", "predict", *RESNET)
    slow = run("measure", "record", *RESNET, "--latency", "1000s", "-q").stdout.strip()

    checked = run("measure", "check", slow, "--side", "upper", "--json")
    annotated = run("measure", "check", slow, "--format", "github")
    junit = run("measure", "check", slow, "--format", "junit")

    assert checked.returncode == annotated.returncode == junit.returncode == 4
    assert json.loads(checked.stdout)[0]["inside"] is False
    assert annotated.stdout.startswith("::error::")
    assert 'failures="1"' in junit.stdout
    assert run("measure", "check", slow, "--side", "lower").returncode == 0
    assert run("measure", "record", *RESNET, "--latency", "1000s", "--check").returncode == 4


def test_unlinking_and_linking_change_what_is_compared(run: Run) -> None:
    prediction = run("perf", "predict", *RESNET, "-q").stdout.strip()
    measured = run("measure", "record", *RESNET, "--latency", "9", "-q").stdout.strip()

    assert run("measure", "unlink", measured, "-q").stdout.strip() == measured
    assert run("measure", "check", measured).returncode == 3
    assert run("measure", "link", measured, prediction).returncode == 0
    assert run("measure", "check", measured, "--level", "0.999").returncode in {0, 4}


def test_deleting_asks_and_hides(run: Run) -> None:
    measured = run("measure", "record", *RESNET, "--latency", "9", "-q").stdout.strip()

    asked = run("measure", "delete", measured)
    done = run("measure", "delete", measured, "--yes", "-q")

    assert (asked.returncode, asked.stdout) == (2, "")
    assert "--yes" in asked.stderr
    assert done.stdout.strip() == measured
    assert json.loads(run("measure", "list", "--json").stdout) == []


def test_a_file_is_imported_once_however_often_it_is_given(run: Run) -> None:
    first = run("measure", "import", *BENCH, "--json")
    second = run("measure", "import", *BENCH, "--json")

    assert (first.returncode, second.returncode) == (0, 0)
    counts = document(first.stdout)
    assert (counts["read"], counts["imported"], counts["duplicates"]) == (4, 4, 0)
    assert "columns not used: 'driver'" in first.stderr
    again = document(second.stdout)
    assert (again["imported"], again["duplicates"]) == (0, 4)
    assert len(json.loads(run("measure", "list", "--json").stdout)) == 4


def test_the_same_rows_as_json_and_parquet_are_duplicates(run: Run) -> None:
    run("measure", "import", *BENCH, "--source", "bench")

    for name in ("bench.json", "bench.parquet"):
        done = run("measure", "import", str(DATA / name), "--source", "bench", "--json")
        assert document(done.stdout)["duplicates"] == 4


def test_one_bad_row_stops_all_and_is_named_by_file_and_line(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "work" / "bad.csv"
    path.write_text(
        "model,hardware,batch_size,precision,throughput\n"
        "resnet50,nvidia-l4,1,fp16,100\nresnet50,nvidia-l4,2,fp16,fast\n"
    )

    done = run("measure", "import", "bad.csv")

    assert (done.returncode, done.stdout) == (2, "")
    assert 'error: bad.csv:3: throughput: not a number (got "fast")' in done.stderr
    assert run("measure", "list").returncode == 3


def test_bad_rows_are_skipped_and_kept_when_asked_and_counted(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "work" / "bad.csv"
    path.write_text(
        "model,hardware,batch_size,precision,throughput\n"
        "resnet50,nvidia-l4,1,fp16,100\nresnet50,nvidia-l4,2,fp16,fast\n"
    )

    done = run(
        "measure", "import", "bad.csv", "--on-error", "skip", "--rejects", "rejects.csv", "--json"
    )

    counts = document(done.stdout)
    assert (done.returncode, counts["imported"], counts["rejected"]) == (0, 1, 1)
    (row,) = csv.DictReader(io.StringIO((path.parent / "rejects.csv").read_text()))
    assert (row["_row"], row["throughput"]) == ("3", "fast")
    too_many = run("measure", "import", "bad.csv", "--on-error", "skip", "--max-errors", "0")
    assert too_many.returncode == 2


def test_standard_input_needs_its_format(run: Run) -> None:
    rows = (
        '{"model":"resnet50","hardware":"nvidia-l4","batch_size":1,"precision":"fp16","latency":2}'
    )

    refused = run("measure", "import", "-", stdin=rows)
    done = run("measure", "import", "-", "--input-format", "jsonl", "--json", stdin=rows)

    assert refused.returncode == 2
    assert "--input-format" in refused.stderr
    assert document(done.stdout)["imported"] == 1


def test_a_dry_import_counts_and_stores_nothing(run: Run) -> None:
    done = run("measure", "import", *BENCH, "--dry-run", "--json")

    found = document(done.stdout)
    assert (found["import_id"], found["imported"]) == (None, 4)
    assert found["mapping"]["lat_s"] == "latency"  # type: ignore[index]
    assert run("measure", "list").returncode == 3


def test_predicting_first_links_every_row_afterwards_marked(run: Run) -> None:
    done = run("measure", "import", *BENCH, "--predict-first", "--json")

    counts = document(done.stdout)
    assert (counts["linked"], counts["predicted"]) == (4, 4)
    measured = json.loads(run("measure", "list", "--json").stdout)[0]["measurement_id"]
    errors = document(run("measure", "show", measured, "--json").stdout)["errors"]
    assert all(error["retrospective"] for error in errors)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["all.csv", "all.json", "all.jsonl", "all.tsv", "all.parquet"])
def test_what_is_exported_is_imported_elsewhere_unchanged(run: Run, name: str) -> None:
    run("measure", "import", *BENCH)

    exported = run("measure", "export", "-o", name)
    again = run("measure", "export", "-o", name)
    imported = run("measure", "import", name, "--db", "other.duckdb", "--json")

    assert (exported.returncode, again.returncode) == (0, 2)
    assert document(imported.stdout)["imported"] == 4
    columns = ["--columns", "model,hardware,batch_size,latency_ms,memory_mib,measured_at,source"]
    here = run("measure", "list", "--json", *columns)
    there = run("measure", "list", "--db", "other.duckdb", "--json", *columns)
    assert json.loads(here.stdout) == json.loads(there.stdout)


def test_nothing_that_matches_is_code_3_and_a_folder_code_2(run: Run, tmp_path: Path) -> None:
    (tmp_path / "work" / "folder").mkdir()

    assert run("measure", "import", "*.nothing").returncode == 3
    assert run("measure", "import", "folder").returncode == 2
    assert run("measure", "import", "/dev/zero", "--input-format", "csv").returncode == 2
