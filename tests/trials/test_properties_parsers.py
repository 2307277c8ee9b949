"""I24: every parser answers any text with a value it may give, or an error of ours."""

import gzip
import json
import math
import pickle
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perfpredict.catalog.device_toml import parse_device
from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.catalog.hf_config import read_config
from perfpredict.commands import parsing
from perfpredict.commands.common import hoist_common_options
from perfpredict.commands.settings import read_settings_file
from perfpredict.domain import units
from perfpredict.domain.device import Origin
from perfpredict.domain.framework_versions import parse_framework_version
from perfpredict.domain.frameworks import parse_framework
from perfpredict.domain.names import clean_name, clean_text, parse_whole_number
from perfpredict.domain.precision import Precision
from perfpredict.domain.workload import Mode, parse_memory_format
from perfpredict.errors import PerfpredictError
from perfpredict.importers import columns, fields
from perfpredict.importers.options import FileFormat, ReadOptions
from perfpredict.importers.precision import parse_precision
from perfpredict.importers.table import read_measurements
from perfpredict.models import blobs
from perfpredict.reports.text import display_width, visible
from perfpredict.services.prices import read_prices
from perfpredict.store.ids import IdKind, check_id

from .conftest import Repeats
from .hostile_texts import HOSTILE_TEXTS

NOW = datetime(2026, 11, 25, tzinfo=UTC)
DATA = Path(__file__).parent.parent / "data"
NUMBERS = ("1", "0", "-1", "1.5", "1e3", "1e-5", "1e999", ".", "+.5", "9" * 400, "nan", "1,5", "٣")
UNITS = ("", " ", "ms", "s", "us", "µs", "GiB", "MB", "/s", "samples/s", "batches/s", "d", "h")
TIMES = ("2026-11-24", "2026-11", "2026-11-24T12:00:00Z", "0001-01-01T00:00+14:00", "9999-12-31",
         "9999-12-31T23:59:59-12:00", "20261124", "2026-W48-2", "2026-11-24T24:00")  # fmt: skip

texts = st.one_of(
    st.text(max_size=60),
    st.sampled_from(HOSTILE_TEXTS),
    st.tuples(st.sampled_from(NUMBERS), st.sampled_from(UNITS)).map("".join),
    st.sampled_from(TIMES),
    st.sampled_from((*columns.FIELDS, *columns.LATENCY_UNITS, *columns.MEMORY_UNITS)),
    st.from_regex(r"[A-Za-z_]{1,12}=[A-Za-z0-9_/ ]{0,12}", fullmatch=True),
    st.sampled_from(("fp16", "Q4_K_M", "bf16", "w4a16", "vllm 0.6.1", "2.4.0+cu124", "int8")),
)


def positive(value: float) -> bool:
    return math.isfinite(value) and value > 0


def is_name(value: str) -> bool:
    return value == clean_name("x", value)


TEXT_PARSERS: dict[str, tuple[Callable[[str], object], Callable[[object], bool]]] = {
    "duration": (lambda text: units.parse_duration_ms("x", text), positive),
    "bytes": (lambda text: units.parse_bytes("x", text), lambda n: math.isfinite(n) and n >= 0),
    "rate": (lambda text: units.parse_rate("x", text)[0], positive),
    "batch rate": (lambda text: units.parse_rate("x", text, work_per_batch=8.0)[0], positive),
    "number": (lambda text: units.parse_number("x", text), math.isfinite),
    "share": (lambda text: parsing.parse_share("x", text), lambda n: 0 < n < 1),
    "whole number": (
        lambda text: parse_whole_number("x", text, highest=100), lambda n: 1 <= n <= 100
    ),
    "batch sizes": (lambda text: parsing.parse_batch_sizes("x", text), lambda n: min(n) >= 1),
    "name": (lambda text: clean_name("x", text), is_name),
    "text": (lambda text: clean_text("x", text).encode(), bool.__class__),
    "names": (lambda text: parsing.split_names("x", [text]), lambda n: all(map(is_name, n))),
    "time": (lambda text: parsing.parse_time("x", text), lambda t: t.tzinfo is UTC),
    "since": (lambda text: parsing.parse_since("x", text, NOW), lambda t: t.tzinfo is not None),
    "zoneless": (parsing.is_zoneless, lambda b: b in {True, False}),
    "precision": (lambda text: parsing.parse_precision("x", text), lambda p: p in Precision),
    "choice": (lambda text: parsing.parse_choice("x", text, Mode), lambda m: m in Mode),
    "memory format": (parse_memory_format, lambda n: n == n.casefold()),
    "framework": (lambda text: parse_framework(clean_name("x", text)), is_name),
    "framework version": (lambda text: parse_framework_version("x", text), bool),
    "column": (columns.parse_meaning, lambda m: m is None or m.field in columns.FIELDS),
    "field": (lambda text: columns.parse_field("x", text), lambda m: m.field in columns.FIELDS),
    "mapping": (lambda text: columns.parse_pairs("x", [text]), bool),
    "units": (lambda text: columns.parse_units([text]), bool),
    "model cell": (fields.parse_model, lambda cells: is_name(cells[0])),
    "precision cell": (fields.parse_precision_cell, lambda cells: cells[0] in set(Precision)),
    "gguf precision": (parse_precision, lambda found: found[0] in Precision),
    "mode cell": (fields.parse_mode, lambda cells: cells[0] in set(Mode)),
    "phase cell": (fields.parse_phase, bool),
    "framework cell": (fields.parse_framework_cell, lambda cells: is_name(cells[0])),
    "unit cell": (fields.parse_unit, lambda cells: cells[0].endswith("/s")),
    "load cell": (fields.parse_load, lambda cells: cells[0] in {"open", "closed"}),
    "time cell": (fields.time_parser(NOW), lambda found: found[0].tzinfo is UTC),
    "id": (lambda text: check_id(IdKind.MODEL, text), lambda n: n.startswith("model-")),
    "device": (lambda text: DeviceCatalog().resolve(text).device.name, is_name),
    "visible": (visible, lambda shown: not set(shown) & set("\x1b\x07\x9b\u202e\n\t")),
    "width": (display_width, lambda width: width >= 0),
    "common options": (
        lambda text: hoist_common_options(["a", text, "--db", text])[1], lambda rest: rest[0] == "a"
    ),
}  # fmt: skip


def fuzz(strategy: st.SearchStrategy[object], check: Callable[[object], None], count: int) -> None:
    """Run `check` on that many examples; an error of ours is a right answer."""

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(example=strategy)
    def holds(example: object) -> None:
        try:
            check(example)
        except PerfpredictError as error:
            assert error.message and "\n\n" not in error.message

    holds()


@pytest.mark.parametrize("name", TEXT_PARSERS)
def test_i24_a_parser_of_text_answers_anything(name: str, repeats: Repeats) -> None:
    """units, times, names, columns, ids: any text is a value or an error of ours"""
    parse, is_right = TEXT_PARSERS[name]

    def check(text: object) -> None:
        value = parse(str(text))
        assert is_right(value), (text, value)

    fuzz(texts, check, repeats(5000, 100, of="texts"))


TOML = """name = "my-gpu"
vendor = "me"
kind = "gpu"
platform = "cuda"
memory_mib = 1024
bandwidth_gb_per_s = 100
aliases = ["x", "y"]
year = 2024
is_probed = true
[peak_tflops]
fp32 = 10
[price]
amount_per_hour = 1.5
currency = "USD"
date = 2026-01-01
"""
SETTINGS = 'db = "x.duckdb"\nformat = "json"\nlock_timeout = 3\ndebug = false\nuser = "me"\n'
PRICES = "name,price_per_h,currency,date\nnvidia-l4,0.7,EUR,2026-11-01\n"
CONFIG = json.dumps(
    {"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
     "num_key_value_heads": 2, "intermediate_size": 128, "vocab_size": 100,
     "max_position_embeddings": 128, "tie_word_embeddings": False, "head_dim": 16}
)  # fmt: skip
TOKENS = (
    b"", b"\x00", b"\xff\xfe", b"\n", b"\r\n", b'"', b"'", b"[", b"]" * 50, b"{", b"}", b"[" * 5000,
    b",", b";", b"\t", b"=", b"-1", b"1e999", b"NaN", b"9" * 5000, b"null", b"true", b"\\ud800",
    b"\xed\xa0\x80", "ë模".encode(), b"#", b"x" * 3000, b"[[a]]", b"inf", b"2026-13-45", b"{}",
)  # fmt: skip


def mutated(samples: list[bytes]) -> st.SearchStrategy[bytes]:
    """Return a strategy of samples with parts cut out, doubled, or replaced by odd tokens."""
    edit = st.tuples(st.floats(0, 1), st.integers(0, 40), st.sampled_from(TOKENS), st.booleans())

    def apply(parts: tuple[bytes, list[tuple[float, int, bytes, bool]]]) -> bytes:
        data, edits = parts
        for place, length, token, doubles in edits:
            start = int(place * len(data))
            cut = data[start : start + length]
            data = data[:start] + token + (cut * 2 if doubles else b"") + data[start + length :]
        return data

    return st.tuples(st.sampled_from(samples), st.lists(edit, max_size=4)).map(apply)


def read_rows(path: Path, kind: FileFormat | None = None) -> None:
    options = ReadOptions(
        resolve_device=DeviceCatalog().resolve, now=NOW, input_format=kind,
        defaults={"precision": "fp16"}, accepts_new_hardware=True,
    )  # fmt: skip
    rows = read_measurements([str(path)], options)
    values = rows.good.select("throughput_per_s", "latency_ms", "memory_bytes").fill_null(1.0)
    assert all(math.isfinite(value) and value >= 0 for row in values.rows() for value in row)
    assert rows.bad.filter(rows.bad["_problem"].is_null()).is_empty()


def samples_of(*patterns: str) -> list[bytes]:
    found = [path for pattern in patterns for path in sorted(DATA.glob(pattern))]
    return [path.read_bytes() for path in found if path.stat().st_size < 100_000]


def listed(path: Path) -> None:
    data = path.read_bytes()
    blobs.detect_format(data)
    blobs.list_globals(data)


FILE_PARSERS: dict[str, tuple[Callable[[Path], object], str, list[bytes]]] = {
    "csv": (read_rows, "x.csv", samples_of("*.csv", "presets/*/*.csv")),
    "json": (read_rows, "x.json", samples_of("*.json", "presets/*/*.json")),
    "jsonl": (read_rows, "x.jsonl", samples_of("presets/*/*.jsonl", "*.json")),
    "text": (read_rows, "x.txt", samples_of("presets/*/*.txt", "presets/*/*.md")),
    "parquet": (read_rows, "x.parquet", samples_of("*.parquet")),
    "device TOML": (
        lambda path: parse_device(path.read_text("utf-8", "replace"), Origin.USER, "x"), "x.toml",
        [TOML.encode()],
    ),
    "settings TOML": (read_settings_file, "x.toml", [SETTINGS.encode()]),
    "prices": (
        lambda path: read_prices(path, currency="USD", valid_on="2026-01-01", source="x"), "x.csv",
        [PRICES.encode()],
    ),
    "config": (read_config, "config.json", [CONFIG.encode()]),
    "pickle": (
        listed, "x.joblib",
        [pickle.dumps({"a": [1.0, ("b", print)]}), zlib.compress(pickle.dumps(print)),
         gzip.compress(pickle.dumps(range)), pickle.dumps([print], 0), b"tree\nend of trees\n"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FILE_PARSERS)
def test_i24_a_parser_of_files_answers_anything(
    name: str, tmp_path: Path, repeats: Repeats
) -> None:
    """importers, TOML, prices, configurations, pickles: any bytes are rows or an error of ours"""
    parse, file_name, samples = FILE_PARSERS[name]
    assert samples
    path = tmp_path / file_name

    def check(data: object) -> None:
        assert isinstance(data, bytes)
        path.write_bytes(data)
        parse(path)

    fuzz(mutated(samples), check, repeats(3000, 50, of="files"))


def panicking_parquet() -> bytes:
    """Return a Parquet file on whose damaged page header Polars panics."""
    data = bytearray((DATA / "bench.parquet").read_bytes())
    data[118] = 0
    return bytes(data)


FOUND: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "a lone surrogate in a tool's JSON": (
        "x.jsonl",
        lambda: samples_of("presets/llama-bench/*.jsonl")[0].replace(b"NVIDIA", b"\\ud800"),
        "is not valid Unicode text",
    ),
    "a title that no summary begins with": (
        "x.txt",
        lambda: samples_of("presets/mlperf/*.txt")[0].replace(b"Summary", b'Summary"'),
        "measured nothing",
    ),
    "a page header that Polars panics on": ("x.parquet", panicking_parquet, "not a readable"),
}


@pytest.mark.parametrize("name", FOUND)
def test_i24_what_was_found_once_stays_an_error(name: str, tmp_path: Path) -> None:
    """files that fuzzing found to end in a traceback"""
    file_name, make, told = FOUND[name]
    path = tmp_path / file_name
    path.write_bytes(make())
    try:
        rows = read_measurements(
            [str(path)],
            ReadOptions(resolve_device=DeviceCatalog().resolve, now=NOW),
        )
    except PerfpredictError as error:
        assert told in error.message
    else:
        assert any(told in problem for problem in rows.bad["_problem"])
