"""I13 to I16: files in every shape that spreadsheets and disks give them."""

import io
import json
import os
import threading
from pathlib import Path

import polars as pl
import pytest

from .peak import run_each_measured
from .processes import Children
from .program import Program

HEADER = "model,hardware,batch_size,precision,throughput,note"
ROWS = ("resnet50,nvidia-l4,1,fp16,100.5,one", "resnet50,nvidia-l4,2,fp16,200,two")
PLAIN = "\n".join((HEADER, *ROWS)) + "\n"
TWO = [(1, 100.5, "one"), (2, 200.0, "two")]
DE = "model;hardware;batch_size;precision;throughput\n"

RIGHT: dict[str, tuple[bytes, tuple[str, ...], list[tuple[int, float, str]]]] = {
    "plain": (PLAIN.encode(), (), TWO),
    "BOM": (b"\xef\xbb\xbf" + PLAIN.encode(), (), TWO),
    "CRLF": (PLAIN.replace("\n", "\r\n").encode(), (), TWO),
    "no last newline": (PLAIN.rstrip().encode(), (), TWO),
    "blank lines": (PLAIN.replace("\n", "\n\n").encode(), (), TWO),
    "semicolon": (PLAIN.replace(",", ";").encode(), (), TWO),
    "tab": (PLAIN.replace(",", "\t").encode(), (), TWO),
    "pipe": (PLAIN.replace(",", "|").encode(), (), TWO),
    "all quoted": (
        "\n".join('"' + line.replace(",", '","') + '"' for line in (HEADER, *ROWS)).encode(),
        (), TWO,
    ),
    "decimal comma": (
        f"{DE}resnet50;nvidia-l4;1;fp16;100,5\nresnet50;nvidia-l4;2;fp16;1.200,25\n".encode(),
        ("--decimal", ","), [(1, 100.5, ""), (2, 1200.25, "")],
    ),
    "Latin-1": (
        PLAIN.replace("one", "Zoë").encode("latin-1"), ("--encoding", "latin-1"),
        [(1, 100.5, "Zoë"), TWO[1]],
    ),
    "UTF-16": (PLAIN.replace("one", "Zoë").encode("utf-16"), (), [(1, 100.5, "Zoë"), TWO[1]]),
    "UTF-16 said": (PLAIN.encode("utf-16"), ("--encoding", "utf-16"), TWO),
    "extra column": (PLAIN.replace("note", "colour").encode(), (), [(1, 100.5, ""), (2, 200, "")]),
    "quoted newline": (
        f'{HEADER}\nresnet50,nvidia-l4,1,fp16,100.5,"a\nb, ""c"""\n{ROWS[1]}\n'.encode(), (),
        [(1, 100.5, 'a\nb, "c"'), TWO[1]],
    ),
    "stray quotes": (PLAIN.replace("one", 'a"b"c').encode(), (), [(1, 100.5, 'a"b"c'), TWO[1]]),
    "10,000 columns": (
        "\n".join(
            ",".join((line, *(f"{mark}{i}" for i in range(10_000))))
            for line, mark in ((HEADER, "c"), (ROWS[0], "v"), (ROWS[1], "v"))
        ).encode(), (), TWO,
    ),
}  # fmt: skip
"""Variant → bytes, options, and what must be stored."""

WRONG: dict[str, tuple[bytes, str]] = {
    "decimal comma unsaid": (
        f"{DE}resnet50;nvidia-l4;1;fp16;100,5\n".encode(),
        'x.csv:2: throughput: not a number (got "100,5": with a decimal comma, say --decimal ,)',
    ),
    "Latin-1 unsaid": (PLAIN.replace("one", "Zoë").encode("latin-1"), "x.csv"),
    "no header": (("\n".join(ROWS)).encode(), "x.csv: no column for model"),
    "duplicate header": (
        PLAIN.replace("note", "model").encode(), "x.csv:1: two columns are named 'model'",
    ),
    "two columns of one meaning": (PLAIN.replace("note", "model_name").encode(), "x.csv"),
    "missing column": (
        b"model,hardware,throughput\nresnet50,nvidia-l4,1\n", "x.csv: no column for batch_size",
    ),
    "no measured column": (
        b"model,hardware,batch_size\nresnet50,nvidia-l4,1\n",
        "x.csv: no column for throughput, latency or memory",
    ),
    "nameless column": (PLAIN.replace("note", "", 1).replace("batch_size", "").encode(),
                        "x.csv:1: column 3 has no name"),
    "ragged row": (f"{PLAIN}resnet50,nvidia-l4,4\n".encode(), "x.csv:4: 3 cells where the header"),
    "long row": (f"{PLAIN}{ROWS[0]},more\n".encode(), "x.csv:4: 7 cells where the header has 6"),
    "open quote": (f'{PLAIN}resnet50,"nvidia-l4,1,fp16,1,x\n'.encode(),
                   "x.csv:4: a quote is opened and never closed"),
    "empty": (b"", "x.csv: the file is empty"),
    "blank": (b"\n \n\t\n", "x.csv: the file is empty"),
    "NUL": (PLAIN.replace("one", "o\x00e").encode(), "x.csv"),
    "control": (PLAIN.replace("one", "o\x01e").encode(), "x.csv:2: not a text file"),
    "random": (bytes(range(256)) * 40, "x.csv"),
    "one value": (b"42", "x.csv: no column for model"),
}  # fmt: skip
"""Variant → bytes, and how the error begins."""


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def stored(program: Program) -> list[tuple[int, float, str]]:
    query = "select batch_size, throughput_per_s, note from performance_measurements order by 1"
    rows = program("db", "sql", query, "--json").json()
    return [(row["batch_size"], row["throughput_per_s"], row["note"]) for row in rows]


@pytest.mark.parametrize("variant", RIGHT)
def test_i13_csv_in_an_odd_shape_is_read_rightly(program: Program, variant: str) -> None:
    """CSV variants that mean one thing: encodings, separators, quotes, wide tables"""
    data, options, expected = RIGHT[variant]
    (program.work / "x.csv").write_bytes(data)

    done = program("measure", "import", "x.csv", *options)

    assert done.code == 0, done.err
    assert stored(program) == expected


@pytest.mark.parametrize("variant", WRONG)
def test_i13_csv_that_is_broken_names_file_and_line(program: Program, variant: str) -> None:
    """CSV variants that are broken: code 2, file and line, nothing stored"""
    data, beginning = WRONG[variant]
    (program.work / "x.csv").write_bytes(data)

    done = program("measure", "import", "x.csv")

    assert done.streams == (2, ""), done.err
    errors = [line for line in done.err.splitlines() if not line.startswith(("note", "hint"))]
    assert errors[0].startswith((f"error: {beginning}", f"error: '{beginning}")), done.err
    assert "\x1b" not in done.err
    assert not program.db.exists()


def test_i13_a_header_alone_is_no_row_and_no_error(program: Program) -> None:
    """a file with a header and no rows"""
    (program.work / "x.csv").write_text(HEADER + "\n")

    done = program("measure", "import", "x.csv", "--json")

    assert (done.code, done.json()["imported"]) == (0, 0), done.err


def test_i13_a_line_of_100_mb_is_refused_in_short(program: Program) -> None:
    """one line of 100 MB without a separator"""
    (program.work / "x.csv").write_bytes(PLAIN.encode() + b"x" * 100_000_000 + b"\n")

    done = program("measure", "import", "x.csv")

    assert done.streams == (2, "")
    assert "error: x.csv:4: 1 cells where the header has 6" in done.err
    assert len(done.err) < 2000


ONE = '{"model":"resnet50","hardware":"nvidia-l4","batch_size":1,"precision":"fp16","latency":%s}'
BROKEN_JSON: dict[str, tuple[str, str]] = {
    "truncated": (f"[\n{ONE % 2},\n{ONE % 2}"[:-3], "x.json:3: not valid JSON"),
    "truncated array": (f"[\n{ONE % 2}", "x.json:2: not valid JSON: the file ends inside"),
    "NaN literal": (f"[\n{ONE % 2},\n{ONE % 'NaN'}]", "x.json:3: latency: must be a finite"),
    "Infinity literal": (f"[{ONE % '-Infinity'}]", "x.json:1: latency: must be a finite"),
    "duplicate keys": (
        '[\n{"latency": 1, "latency": 2}]', "x.json:2: the key 'latency' is given twice",
    ),
    "deep": ("[" * 100_000 + "]" * 100_000, "x.json:1: values are nested too deeply"),
    "deep objects": ('{"a":' * 100_000 + "1" + "}" * 100_000, "x.json:1: values are nested"),
    "scalar": ("42", "x.json:1: an array of objects is needed"),
    "text": ('"resnet50"', "x.json:1: an array of objects is needed"),
    "null": ("null", "x.json:1: an array of objects is needed"),
    "400 digits": (f"[{ONE % ('9' * 400)}]", "x.json:1: latency: must be a finite number above 0"),
    "5,000 digits": (f"[{ONE % ('9' * 5000)}]", "x.json:1: latency: must be a finite"),
    "array of scalars": ("[1,\n2]", "x.json"),
    "nested value": (f"[{ONE % '[1]'}]", 'x.json:1: latency: not a number (got "[…]")'),
    "object value": (f"[{ONE % '{}'}]", 'x.json:1: latency: not a number (got "{…}")'),
    "empty": ("", "x.json: the file is empty"),
    "trailing text": (f"[{ONE % 2}] x", "x.json:1: not valid JSON: text follows the array"),
    "comment": (f"// hi\n[{ONE % 2}]", "x.json:1: an array of objects"),
    "lone surrogate in a name": (
        f"[{ONE % 2}]".replace('"batch_size', '"\\udfff":1,"batch_size'),
        "x.json:1: '\\udfff': is not valid Unicode text",
    ),
    "lone surrogate": (
        f"[{ONE % 2}]".replace("resnet50", "\\ud800"), "x.json:1: 'model': is not valid Unicode",
    ),
}  # fmt: skip


@pytest.mark.parametrize("suffix", ["json", "jsonl"])
@pytest.mark.parametrize("variant", BROKEN_JSON)
def test_i14_broken_json_names_its_line(program: Program, variant: str, suffix: str) -> None:
    """JSON and JSON lines: truncated, NaN, twice the same key, deep, scalar, 400 digits"""
    text, beginning = BROKEN_JSON[variant]
    (program.work / f"x.{suffix}").write_text(text)

    done = program("measure", "import", f"x.{suffix}")

    assert done.streams == (2, ""), done.err
    errors = [line for line in done.err.splitlines() if line.startswith("error: ")]
    wanted = beginning if suffix == "json" else "x.jsonl"
    assert errors[0].startswith(f"error: {wanted}"), done.err
    assert not program.db.exists()


GOOD = {"model": "resnet50", "hardware": "nvidia-l4", "batch_size": 1, "precision": "fp16"}


def parquet(frame: pl.DataFrame) -> bytes:
    held = io.BytesIO()
    frame.write_parquet(held)
    return held.getvalue()


def parquet_variants() -> dict[str, tuple[bytes, str]]:
    whole = parquet(pl.DataFrame({**GOOD, "latency": [2.0] * 100}))
    return {
        "empty": (b"", "x.parquet"),
        "bad footer": (whole[:-8] + b"\xff\xff\xff\x7fPAR1", "x.parquet"),
        "no footer": (whole[:-8], "x.parquet"),
        "truncated": (whole[: len(whole) // 2], "x.parquet"),
        "damaged inside": (whole[:20] + bytes(len(whole) // 2) + whole[20 + len(whole) // 2 :],
                           "x.parquet"),
        "only the mark": (b"PAR1", "x.parquet"),
        "marks alone": (b"PAR1PAR1", "x.parquet"),
        "text": (b"model,hardware\n", "x.parquet"),
        "list column": (
            parquet(pl.DataFrame({**GOOD, "latency": [[1.0, 2.0]]})), "x.parquet:1: latency: ",
        ),
        "struct column": (
            parquet(pl.DataFrame({**GOOD, "latency": [{"a": 1.0}]})), "x.parquet:1: latency: ",
        ),
        "wrong type": (
            parquet(pl.DataFrame({**GOOD, "latency": ["fast"]})),
            'x.parquet:1: latency: not a number (got "fast")',
        ),
        "flag as number": (
            parquet(pl.DataFrame({**GOOD, "latency": [True]})), "x.parquet:1: latency: ",
        ),
        "bytes": (
            parquet(pl.DataFrame({**GOOD, "latency": [b"\xff\xfe"]})), "x.parquet",
        ),
        "NaN": (
            parquet(pl.DataFrame({**GOOD, "latency": [float("nan")]})),
            "x.parquet:1: latency: must be a finite number above 0",
        ),
        "no columns": (parquet(pl.DataFrame()), "x.parquet"),
    }  # fmt: skip


PARQUET = parquet_variants()


@pytest.mark.parametrize("variant", PARQUET)
def test_i15_broken_parquet_names_its_file(program: Program, variant: str) -> None:
    """Parquet: bad footer, truncated, damaged, wrong types, lists"""
    data, beginning = PARQUET[variant]
    (program.work / "x.parquet").write_bytes(data)

    done = program("measure", "import", "x.parquet")

    assert done.streams == (2, ""), done.err
    errors = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert errors[0].startswith((f"error: {beginning}", f"error: '{beginning}")), done.err
    assert not program.db.exists()


def test_i15_parquet_of_no_rows_and_of_times_is_read(program: Program) -> None:
    """Parquet: zero rows, times with and without a zone, nanoseconds"""
    empty = pl.DataFrame({**GOOD, "latency": [2.0]}).clear()
    (program.work / "empty.parquet").write_bytes(parquet(empty))
    done = program("measure", "import", "empty.parquet", "--json")
    assert (done.code, done.json()["imported"]) == (0, 0), done.err

    moment = pl.Series(["2026-01-02T03:04:05"]).str.to_datetime()
    for place, kind in enumerate(
        (pl.Datetime("ns"), pl.Datetime("us"), pl.Datetime("ms", "UTC"), pl.Date)
    ):
        row = {**GOOD, "batch_size": place + 1, "latency": 2.0}
        frame = pl.DataFrame(row).with_columns(moment.cast(kind).alias("measured_at"))
        (program.work / "x.parquet").write_bytes(parquet(frame))
        done = program("measure", "import", "x.parquet")
        assert done.code == 0, (kind, done.err)
    listed = program("measure", "list", "--json").json()
    assert {row["measured_at"][:10] for row in listed} == {"2026-01-02"}
    assert [row["measured_at"] for row in listed].count("2026-01-02T03:04:05Z") == 3


def test_i16_what_is_no_file_of_rows_is_an_error_at_once(program: Program) -> None:
    """a glob without match, a folder, a missing file, a device, a closed and a terminal stdin"""
    (program.work / "folder").mkdir()
    for path, code in (
        ("*.nothing", 3), ("missing.csv", 3), ("folder", 2), ("/dev/null", 2), ("/dev/zero", 2),
        ("", 2), ("x" * 5000, 3), ("a\x00b.csv", 3), ("\udcff.csv", 3), ("[", 3),
    ):  # fmt: skip
        done = program("measure", "import", "--input-format=csv", "--max-errors=10", "--", path)
        assert done.streams == (code, ""), (path[:20], done.err)
    (program.work / "rows.dat").write_text(PLAIN)
    done = program("measure", "import", "rows.dat")
    assert done.streams == (2, "")
    assert "--input-format" in done.err


def test_i16_standard_input_on_a_terminal_is_not_waited_for(children: Children, db: Path) -> None:
    """`-` with a terminal, a closed stream and an endless one as standard input"""
    import_ = ("measure", "import", "-", "--input-format=csv", "--db", db)
    leader, follower = os.openpty()
    done = children.run(*import_, stdin=follower, timeout_s=60)
    os.close(leader)
    os.close(follower)
    assert (done.returncode, done.stdout) == (2, "")
    assert "standard input is a terminal" in done.stderr
    assert children.run(*import_, timeout_s=60).returncode == 2  # /dev/null: the file is empty


def test_i16_a_fifo_is_read_to_its_end(program: Program) -> None:
    """a FIFO that another thread writes into"""
    fifo = program.work / "rows.csv"
    os.mkfifo(fifo)
    writer = threading.Thread(target=fifo.write_text, args=(PLAIN,))
    writer.start()
    done = program("measure", "import", "rows.csv", "--json")
    writer.join()

    assert done.code == 0, done.err
    assert json.loads(done.out)["imported"] == 2


def test_i16_what_never_ends_is_given_up(children: Children, db: Path) -> None:
    """/dev/zero as every file that a command reads: code 2, memory below 1 GiB"""
    l4 = ("--hardware", "nvidia-l4")
    calls = [
        ("hardware", "add", "/dev/zero"),
        ("perf", "predict", "m", *l4, "--config", "/dev/zero"),
        ("perf", "check", "--baseline", "/dev/zero"),
        ("models", "load", "/dev/zero"),
        ("hardware", "price", "import", "/dev/zero"),
        ("perf", "matrix", *l4, "--models", "@/dev/zero"),
        ("db", "merge", "/dev/zero"),
    ]
    found = run_each_measured(children, [(*call, "--db", db) for call in calls])
    for call, done in zip(calls, found, strict=True):
        assert (done.code, done.out) in {(2, ""), (3, ""), (6, "")}, (call, done.err)
        assert done.mib < 1024, call


def test_i16_what_is_no_file_is_never_replaced(program: Program) -> None:
    """a pipe, a folder and a link to a stream as the file that a command writes, with --force"""
    measured = ("measure", "record", "resnet50", "--hardware", "nvidia-l4", "--latency", "1")
    assert program(*measured).code == 0
    os.mkfifo(program.work / "pipe")
    (program.work / "folder").mkdir()
    (program.work / "stream").symlink_to("/proc/self/fd/1")
    kinds = {name: (program.work / name).lstat().st_mode for name in ("pipe", "folder", "stream")}
    program("perf", "predict", "resnet50", "--hardware", "nvidia-l4")
    program(*measured)
    for name, mode in kinds.items():
        for call in (
            ("measure", "export", "--format=csv", "--force", "-o", name),
            ("perf", "check", "--max-median-error=9", "--save-baseline", name),
            ("db", "backup", name, "--force"),
        ):
            done = program(*call)
            assert done.streams == (2, ""), (call, done.err)
            assert (program.work / name).lstat().st_mode == mode, call
