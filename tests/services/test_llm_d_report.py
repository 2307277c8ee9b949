"""llm-d reports of stored rows: what is written is read back, and nothing is made up."""

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.importers.options import ReadOptions
from perfpredict.importers.table import read_measurements
from perfpredict.services.llm_d_report import reports
from perfpredict.services.measure_rows import EXPORT_NAMES

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
ROW: dict[str, object] = {
    "measurement_id": "meas-1", "measured_at": datetime(2026, 11, 6, 8, tzinfo=UTC),
    "model": "llama-3.1-8b", "hardware": "nvidia-h100-sxm", "batch_size": 16, "concurrency": 1,
    "device_count": 2, "precision": "bf16", "quantization": None, "phase": "generate",
    "framework": "vllm", "framework_version": "0.11.0", "sequence_length": None,
    "input_tokens": 256, "output_tokens": 128, "throughput": 1600.0, "throughput_unit": "tokens/s",
    "latency_ms": 1270.0, "latency_p90_ms": 1400.0, "latency_p99_ms": 1500.0, "runs": 500,
    "load": "closed", "environment": '{"tool": "guidellm"}',
}  # fmt: skip


def frame(*changes: dict[str, object]) -> pl.DataFrame:
    return pl.DataFrame([ROW | change for change in changes], infer_schema_length=None)


def read_back(data: bytes, tmp_path: Path) -> list[dict[str, object]]:
    path = tmp_path / "reports.jsonl"
    path.write_bytes(data)
    options = ReadOptions(resolve_device=DeviceCatalog().resolve, now=NOW)
    rows = read_measurements([str(path)], options)
    assert rows.bad.is_empty()
    return rows.good.to_dicts()


PREFILL: dict[str, object] = {
    "phase": "prefill", "output_tokens": None, "batch_size": 4, "throughput": 40_960.0,
    "latency_ms": 25.0, "latency_p90_ms": None, "latency_p99_ms": None,
}  # fmt: skip
DECODE: dict[str, object] = {
    "phase": "decode", "output_tokens": None, "input_tokens": None, "sequence_length": 320,
    "batch_size": 4, "throughput": 400.0, "latency_ms": 10.0, "latency_p90_ms": None,
    "latency_p99_ms": None,
}  # fmt: skip


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    found = reports(frame({}, PREFILL, DECODE))

    rows = read_back(found.encode(), tmp_path)
    assert found.left_out == {}
    for row, change in zip(rows, ({}, PREFILL, DECODE), strict=True):
        given = ROW | change
        for column in ("batch_size", "device_count", "precision", "phase", "framework",
                       "framework_version", "input_tokens", "sequence_length", "output_tokens",
                       "latency_ms", "latency_p90_ms", "latency_p99_ms", "measured_at",
                       "load"):  # fmt: skip
            assert row[column] == given[column], (given["phase"], column)
        assert row["throughput_per_s"] == given["throughput"]
        assert row["device"] == given["hardware"]


def test_a_mean_latency_is_the_work_over_throughput() -> None:
    (document,) = reports(frame({})).documents

    aggregate = json.loads(json.dumps(document))["results"]["request_performance"]["aggregate"]
    # 16 requests of 128 tokens at 1,600 tokens/s
    assert aggregate["latency"]["request_latency"]["mean"] == 1280.0
    assert aggregate["throughput"]["request_rate"] == {"units": "queries/s", "mean": 12.5}


def test_rows_without_a_place_in_a_report_are_counted() -> None:
    found = reports(frame({"phase": None}, {"throughput": None}, {}))

    assert len(found.documents) == 1
    assert found.left_out == {
        "no text was generated": 1,
        "neither a rate nor the mean of a latency is stored": 1,
    }


def test_one_report_is_json_and_several_are_lines() -> None:
    assert json.loads(reports(frame({})).encode())["version"] == "0.2"
    lines = reports(frame({}, {})).encode().splitlines()
    assert [json.loads(line)["version"] for line in lines] == ["0.2", "0.2"]


def test_the_columns_are_those_of_an_export() -> None:
    assert set(ROW) <= set(EXPORT_NAMES.values())
