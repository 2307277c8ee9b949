"""From files to checked rows: values, units, bad rows by file and line, and keys."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from perfpredict.catalog.defaults import with_defaults
from perfpredict.catalog.models import find_model
from perfpredict.domain.precision import Precision
from perfpredict.domain.workload import Phase, Workload
from perfpredict.errors import CannotAnswerError, InvalidInputError
from perfpredict.importers.options import ReadOptions
from perfpredict.importers.table import read_measurements

from .reading import HEADER, NOW, Read, column, problems

DATA = Path(__file__).parent.parent / "data"


def test_a_row_becomes_a_measurement_under_the_catalogs_names(read: Read) -> None:
    rows = read(
        "model_name,hardware,batch,dtype,latency_s,throughput,memory_mb,framework,date\n"
        "google-bert/bert-base-uncased,NVIDIA L4,8,half,0.02,400,1024,torch,2026-11-01T10:00Z\n"
    )

    (row,) = rows.good.to_dicts()
    assert row["model_name"] == "bert-base-uncased"
    assert (row["device"], row["hardware_platform"]) == ("nvidia-l4", "NVIDIA L4")
    assert (row["precision"], row["sequence_length"]) == ("fp16", 128)
    assert row["latency_ms"] == pytest.approx(20)
    assert row["memory_bytes"] == pytest.approx(1.024e9)
    assert row["framework"] == "pytorch"
    assert row["measured_at"] == datetime(2026, 11, 1, 10, tzinfo=UTC)
    assert row["consistency"] == pytest.approx(1)


def test_the_workload_key_is_that_of_the_domain(read: Read) -> None:
    rows = read(
        f"{HEADER},phase,input_tokens,output_tokens,compiled,devices,framework,quantization\n"
        "llama-2-7b,nvidia-l4,4,int4,900,generate,256,64,true,2,vLLM,AWQ\n"
        "resnet50,nvidia-l4,8,fp16,3,,,,,,,\n"
    )

    generate = Workload(
        model="llama-2-7b", batch_size=4, precision=Precision.INT4, quantization="awq",
        phase=Phase.GENERATE, input_tokens=256, output_tokens=64, is_compiled=True,
        device_count=2, framework="vllm",
    )  # fmt: skip
    plain = Workload(model="resnet50", batch_size=8, precision=Precision.FP16)
    expected = [
        with_defaults(workload, find_model(workload.model))[0].key for workload in (generate, plain)
    ]
    assert column(rows, "workload_key") == expected


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("fast", 'latency: not a number (got "fast")'),
        ("nan", "latency: must be a finite number above 0, got nan"),
        ("-inf", "latency: must be a finite number above 0, got -inf"),
        ("1e999", "latency: must be a finite number above 0, got 1e999"),
        ("1e-320", "latency: must be a finite number above 0, got 1e-320"),
        ("0", "latency: must be above 0, got 0"),
        ("-0.0", "latency: must be above 0, got -0.0"),
        ("-1", "latency: must be above 0, got -1"),
        ("1_000", 'latency: not a number (got "1_000")'),
        ("0x10", 'latency: not a number (got "0x10")'),
        ("５", 'latency: not a number (got "５")'),
        ('"1,5"', 'latency: not a number (got "1,5": with a decimal comma, say --decimal ,)'),
        ("", "throughput, latency and memory are missing: one of them must be given"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(read: Read, value: str, problem: str) -> None:
    rows = read(f"{HEADER}\nresnet50,nvidia-l4,8,fp16,{value}\n")

    assert problems(rows) == [(2, problem)]
    assert rows.good.is_empty()


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "2147483648", "1e9", "nan", "x", "1000001"])
def test_a_batch_size_outside_of_its_range_is_named(read: Read, value: str) -> None:
    rows = read(f"{HEADER}\nresnet50,nvidia-l4,{value},fp16,1\n")

    assert problems(rows) == [
        (2, f"batch_size: must be a whole number from 1 to 1000000, got {value}")
    ]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (",nvidia-l4,8,fp16,1", "model: is missing"),
        ("resnet50,,8,fp16,1", "hardware: is missing"),
        ("resnet50,nvidia-l4,,fp16,1", "batch_size: is missing"),
        ("resnet50,nvidia-l4,8,,1", "precision: is missing"),
        ("resnet50,nvidia-l4,8,unstated,1", "precision is not stated"),
        ("resnet50,nvidia-l4,8,fp17,1", "precision: no precision named 'fp17'"),
        ("resnet50,cdua,8,fp16,1", "hardware: no device named 'cdua' (did you mean 'cuda'?)"),
        (
            "=HYPERLINK(1),nvidia-l4,8,fp16,1",
            "model: must not start with '=' (got '=HYPERLINK(1)')",
        ),
        ("resnet50,nvidia-l4,8,fp16", "4 cells where the header has 5"),
    ],
)
def test_a_row_that_lacks_a_fact_is_refused_and_never_guessed(
    read: Read, row: str, problem: str
) -> None:
    rows = read(f"{HEADER}\nresnet50,nvidia-l4,1,fp16,2\n{row}\n")

    assert problems(rows) == [(3, problem)]
    assert rows.good.height == 1


def test_a_missing_column_is_an_error_with_the_way_out(read: Read) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read("model,batch_size,latency\nresnet50,1,2\n")

    assert caught.value.message.startswith("f.csv: no column for hardware among 'model'")
    assert "--default hardware=VALUE" in (caught.value.hint or "")


def test_defaults_fill_missing_columns_and_empty_cells(read: Read) -> None:
    rows = read(
        "model,batch_size,precision,latency\nresnet50,1,,2\nresnet50,2,fp16,2\n",
        defaults={"hardware": "nvidia-l4", "precision": "bf16"},
    )

    assert column(rows, "precision") == ["bf16", "fp16"]
    assert column(rows, "device") == ["nvidia-l4", "nvidia-l4"]


def test_a_missing_precision_column_is_said_aloud(read: Read) -> None:
    rows = read("model,hardware,batch_size,latency\nresnet50,nvidia-l4,1,2\n")

    assert column(rows, "precision") == ["fp32"]
    assert any("no column for precision: fp32 is taken" in note for note in rows.notes)


def test_unknown_columns_are_listed_and_mapped_ones_used(read: Read) -> None:
    text = (
        "model,hardware,batch_size,precision,tps,lat,extra\nresnet50,nvidia-l4,4,fp16,200,0.02,x\n"
    )

    rows = read(text, mapping={"tps": "throughput", "lat": "latency"}, units={"latency": "s"})

    assert column(rows, "latency_ms") == pytest.approx([20])
    assert column(rows, "throughput_per_s") == [200]
    assert "f.csv: columns not used: 'extra'" in rows.notes


def test_a_decimal_comma_is_read_when_it_is_said(read: Read) -> None:
    rows = read(
        "model;hardware;batch_size;precision;latency\nresnet50;nvidia-l4;1;fp16;1.234,5\n",
        decimal_comma=True,
    )

    assert column(rows, "latency_ms") == [1234.5]


def test_batches_per_second_become_samples(read: Read) -> None:
    rows = read(f"{HEADER},throughput,unit\nresnet50,nvidia-l4,8,fp16,10,100,batches/s\n")

    assert column(rows, "throughput_per_s") == [800]
    assert column(rows, "throughput_unit") == ["samples/s"]


def test_latency_in_the_wrong_unit_is_noticed(read: Read) -> None:
    lines = [f"resnet50,nvidia-l4,8,fp16,{8 / rate},{rate}" for rate in range(100, 120)]

    rows = read("\n".join([f"{HEADER},throughput", *lines]))

    assert "latency seems to be in seconds (--unit latency=s)" in rows.warnings[0]


def test_rows_without_a_time_get_the_present_one_and_future_rows_none(read: Read) -> None:
    tomorrow = (NOW + timedelta(days=2)).isoformat()

    rows = read(
        f"{HEADER},time\nresnet50,nvidia-l4,1,fp16,1,\nresnet50,nvidia-l4,2,fp16,1,{tomorrow}\n"
    )

    assert column(rows, "measured_at") == [NOW]
    assert problems(rows)[0][1].startswith("measured_at: lies more than a day ahead")


def test_import_keys_tell_repeats_apart_and_know_the_same_row_again(read: Read) -> None:
    timed = "resnet50,nvidia-l4,1,fp16,1,2026-11-01T00:00:00Z"
    untimed = "resnet50,nvidia-l4,1,fp16,1,"
    text = f"{HEADER},time\n{timed}\n{timed}\n{untimed}\n{untimed}\n"

    first, second = read(text), read(text.replace("\n", "\r\n"))

    keys = column(first, "import_key")
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
    assert keys == column(second, "import_key")


def test_the_same_rows_in_four_formats_are_the_same_measurements(
    read: Read, tmp_path: Path
) -> None:
    frame = pl.DataFrame(
        {
            "model": ["resnet50", "bert-base-uncased"],
            "hardware": ["nvidia-l4", "nvidia-t4"],
            "batch_size": [8.0, 16.0],
            "precision": ["fp16", "fp32"],
            "latency_ms": [1 / 3, 1e-7],
            "measured_at": [datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)] * 2,
        }
    )
    frame.write_parquet(tmp_path / "a.parquet")
    text = frame.with_columns(pl.col("measured_at").dt.to_string("%Y-%m-%dT%H:%M:%S%.6fZ"))
    contents = {
        "a.csv": text.write_csv(),
        "a.tsv": text.write_csv(separator="\t"),
        "a.json": text.write_json(),
        "a.jsonl": text.write_ndjson(),
        "a.parquet": (tmp_path / "a.parquet").read_bytes(),
    }

    keys = [
        column(read(content, name, source="same"), "import_key")
        for name, content in contents.items()
    ]

    assert all(found == keys[0] for found in keys)


@pytest.mark.parametrize("cut", [0, 3, 60, -1])
def test_a_damaged_parquet_file_is_refused_by_name(read: Read, tmp_path: Path, cut: int) -> None:
    pl.DataFrame({"model": ["resnet50"] * 100}).write_parquet(tmp_path / "whole.parquet")
    data = (tmp_path / "whole.parquet").read_bytes()[:cut]

    with pytest.raises(InvalidInputError, match=r"cut\.parquet: not a readable Parquet file"):
        read(data, "cut.parquet")


def test_parquet_columns_of_lists_are_no_numbers(read: Read, tmp_path: Path) -> None:
    pl.DataFrame(
        {
            "model": ["resnet50"], "hardware": ["nvidia-l4"], "batch_size": [1],
            "precision": ["fp16"], "latency": [[1.0, 2.0]],
        }
    ).write_parquet(tmp_path / "lists.parquet")  # fmt: skip

    rows = read((tmp_path / "lists.parquet").read_bytes(), "lists.parquet")

    assert problems(rows) == [(1, 'latency: not a number (got "[…]")')]


def test_several_json_rows_of_one_line_keep_their_own_cells(read: Read) -> None:
    good = '{"model":"resnet50","hardware":"nvidia-l4","batch_size":1,"precision":"fp16"'

    rows = read(f'[{good},"latency":"a"}},{good},"latency":2}},{good},"latency":"b"}}]', "f.json")

    assert rows.bad["latency"].to_list() == ["a", "b"]
    assert rows.good.height == 1


def test_unknown_models_are_kept_under_their_names_with_a_note(read: Read) -> None:
    rows = read(f"{HEADER}\nmy-org/encoder-v2,nvidia-l4,8,fp16,1\n")

    assert column(rows, "model_name") == ["my-org/encoder-v2"]
    assert any("1 rows are of 1 models that the catalog does not know" in n for n in rows.notes)


def test_new_hardware_is_kept_when_it_is_allowed(read: Read) -> None:
    rows = read(f"{HEADER}\nresnet50,my-npu,8,fp16,1\n", accepts_new_hardware=True)

    assert column(rows, "device") == ["my-npu"]


def test_only_the_chosen_rows_are_read(read: Read) -> None:
    rows = read(
        f"{HEADER}\nresnet50,nvidia-l4,1,fp16,1\nresnet50,nvidia-t4,1,fp16,x\n",
        only={"hardware": ("nvidia-l4",)},
    )

    assert (rows.read, rows.bad.height) == (1, 0)


def test_no_file_a_directory_and_a_device_are_told_apart(tmp_path: Path, read: Read) -> None:
    options = ReadOptions(resolve_device=lambda _: pytest.fail("not asked"), now=NOW)
    with pytest.raises(CannotAnswerError, match="no file matches"):
        read_measurements([str(tmp_path / "*.csv")], options)
    with pytest.raises(InvalidInputError, match="is a directory"):
        read_measurements([str(tmp_path)], options)
    with pytest.raises(InvalidInputError, match="is a device and not a file"):
        read_measurements(["/dev/zero"], ReadOptions(
            resolve_device=options.resolve_device, now=NOW, input_format="csv",  # type: ignore[arg-type]
        ))  # fmt: skip


@pytest.mark.slow
def test_a_million_rows_with_one_bad_value_name_its_line(read: Read) -> None:
    lines = [
        f"bert-base-uncased,nvidia-l4,{n % 512 + 1},fp16,{'fast' if n == 777_776 else n % 97 + 1}"
        for n in range(1_000_000)
    ]

    rows = read("\n".join([HEADER, *lines]), "big.csv")

    assert problems(rows) == [(777_778, 'latency: not a number (got "fast")')]
    assert rows.good.height == 999_999
