"""I1 to I4: numbers that are none, at the command line, in a file, in the library, in the table."""

import itertools
from pathlib import Path

import duckdb
import pytest

from perfpredict import DuckDBPredictorRepository, InvalidInputError

from .command_tree import commands
from .program import Program

RESNET = ("resnet50", "--hardware", "nvidia-l4", "--precision", "fp16")
NO_NUMBERS = (
    "nan",
    "inf",
    "-inf",
    "-1",
    "1e999",
    "1e-320",
    "",
    "abc",
    "1,5",
    "５",
    "0x10",
    "1_000",
)
ZEROS = ("0", "-0.0")
METRICS = ("--throughput", "--latency", "--memory")
NO_BATCH_SIZES = ("0", "-1", "1.5", str(2**31), str(2**63), "1e9", "nan", "1000001", "", "８")
SIGNED_OPTIONS = {"--training-score", "--validation-score", "--test-score"}
SIGNED = {"error", "rel_error", "ln_ratio", "training_score", "validation_score", "test_score",
          "importance_score"}  # fmt: skip
"""Columns in which a number below 0 is no error."""


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def test_i01_no_number_is_refused_with_its_option_named(program: Program) -> None:
    """a value that is no usable number, in every measured option"""
    for option, value in itertools.product(METRICS, NO_NUMBERS):
        done = program("measure", "record", *RESNET, f"{option}={value}")

        assert done.streams == (2, ""), (option, value)
        assert option in done.err and (value in done.err or not value), (option, value, done.err)
        assert not program.db.exists(), (option, value)


def test_i01_zero_is_a_memory_and_nothing_else(program: Program) -> None:
    """0 and -0.0 as throughput, latency and memory"""
    for option, value in itertools.product(("--throughput", "--latency"), ZEROS):
        done = program("measure", "record", *RESNET, f"{option}={value}")
        assert done.streams == (2, ""), (option, value)
        assert option in done.err

    for value in ZEROS:
        done = program("measure", "record", *RESNET, f"--memory={value}", "-q")
        shown = program("measure", "show", done.out.strip(), "--format", "csv")
        assert (done.code, shown.code) == (0, 0), done.err
        assert "-0" not in shown.out.splitlines()[1].split(",")


def test_i01_no_number_of_any_option_is_infinite_or_no_number(program: Program) -> None:
    """nan, inf, 1e999 and -1 in every option of the tree that has a parser"""
    tried = 0
    for command in commands():
        given = ["x"] * sum(one.is_required for one in command.arguments)
        for option in command.options:
            if option.type_name != "checked":
                continue
            may_be_negative = option.names[0] in SIGNED_OPTIONS
            for value in ("nan", "inf", "-inf", "1e999", *(() if may_be_negative else ("-1",))):
                done = program(*command.path, *given, f"{option.names[0]}={value}")
                tried += 1
                assert done.streams == (2, ""), (command.name, option.names, value, done.err)
                named = {name.strip("-").replace("-", "_") for name in option.names}
                told = done.err.replace("--", "").replace("-", "_").replace(":", " ").split()
                assert named & set(told), (command.name, option.names, value, done.err)
    assert tried > 200


def test_i01_no_number_of_a_file_is_stored(program: Program) -> None:
    """the same values in a column of a file"""
    path = program.work / "rows.csv"
    for metric, value in itertools.product(("throughput", "latency", "memory"), NO_NUMBERS):
        if not value:
            continue
        path.write_text(
            "model,hardware,batch_size,precision,latency_p90,throughput,latency,memory\n"
            "resnet50,nvidia-l4,1,fp16,9,"
            + ",".join(f'"{value}"' if name == metric else "" for name in
                       ("throughput", "latency", "memory")) + "\n"
        )  # fmt: skip
        done = program("measure", "import", "rows.csv")

        assert done.streams == (2, ""), (metric, value, done.err)
        assert f"rows.csv:2: {metric}: " in done.err, (metric, value, done.err)
    assert not program.db.exists()


def test_i02_a_batch_size_is_a_whole_number_from_1_to_1000000(program: Program) -> None:
    """batch sizes that are none: command line, file, library"""
    repository = DuckDBPredictorRepository(program.db)
    for value in NO_BATCH_SIZES:
        for command in ("measure record", "perf predict", "hardware recommend"):
            more = ("--latency", "1") if command == "measure record" else ()
            done = program(*command.split(), *RESNET, *more, f"--batch-size={value}")
            assert done.streams == (2, ""), (command, value, done.err)
            assert "--batch-size" in done.err
        rows = f'model,hardware,precision,latency,batch_size\nresnet50,nvidia-l4,fp16,1,"{value}"\n'
        done = program("measure", "import", "-", "--input-format=csv", stdin=rows.encode())
        assert done.streams == (2, ""), (value, done.err)
        assert "stdin:2: batch_size: " in done.err
    for number in (0, -1, 1.5, 2**31, 2**63, 1e9, float("nan"), True, "8", None):
        with pytest.raises(InvalidInputError, match="batch_size"):
            repository.store_measurement(
                model_name="resnet50", hardware_platform="nvidia-l4", batch_size=number, latency=1.0
            )  # type: ignore[call-arg]
    assert not program.counts().get("rows_performance_measurements")
    assert program("measure", "record", *RESNET, "--batch-size=1000000", "--latency=1").code == 0


def test_i03_a_measurement_needs_a_value(program: Program) -> None:
    """no metric at all"""
    done = program("measure", "record", *RESNET)

    assert done.streams == (2, "")
    assert "give at least one of --throughput, --latency and --memory" in done.err
    with pytest.raises(InvalidInputError, match="at least one of"):
        DuckDBPredictorRepository(program.db).store_measurement(
            model_name="resnet50", hardware_platform="nvidia-l4"
        )
    rows = b"model,hardware,batch_size,precision,latency\nresnet50,nvidia-l4,1,fp16,\n"
    done = program("measure", "import", "-", "--input-format", "csv", stdin=rows)
    assert done.streams == (2, "")
    assert "throughput, latency and memory are missing" in done.err
    assert not program.counts().get("rows_performance_measurements")


def filled(program: Program) -> None:
    """Put at least one row into every table with numbers."""
    rows = b"model,hardware,batch_size,precision,latency\nresnet50,nvidia-l4,1,fp16,2\n"
    for call in (
        ("sample", "generate"),
        ("measure", "import", "-", "--input-format", "csv"),
        ("hardware", "price", "set", "nvidia-l4", "1"),
        ("hardware", "recommend", "resnet50", "--hardware", "nvidia-l4", "--max-price", "9"),
    ):
        assert program(*call, stdin=rows).code == 0, call


def test_i04_the_tables_refuse_what_is_no_number(program: Program) -> None:
    """nan, inf, -inf and -1 in every numeric column, through bare DuckDB"""
    filled(program)
    connection = duckdb.connect(str(program.db))
    columns = connection.execute(
        "select table_name, column_name, data_type from information_schema.columns "
        "where data_type in ('DOUBLE', 'FLOAT', 'INTEGER', 'BIGINT', 'SMALLINT')"
    ).fetchall()
    tried, taken = 0, []
    for table, column, kind in columns:
        (rows,) = connection.execute(f'select count(*) from "{table}"').fetchone() or (0,)
        if table == "schema_migrations" or column == "version":
            continue
        assert rows, f"the trial puts no row into {table}"
        values = ["-1"] if column not in SIGNED else []
        if kind in {"DOUBLE", "FLOAT"}:
            values += ["'nan'::double", "'inf'::double", "'-inf'::double"]
        for value in values:
            tried += 1
            try:
                connection.execute(f'update "{table}" set "{column}" = {value}')
            except duckdb.ConstraintException:
                continue
            taken.append((table, column, value))
    connection.close()
    assert taken == []
    assert tried > 150
