"""I17 to I21: units, names, ids, links and settings that are well-formed and still wrong."""

from pathlib import Path

import pytest

from .program import Done, Program

L4 = ("--hardware", "nvidia-l4")
RECORD = ("measure", "record", "resnet50", *L4)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def refused(done: Done, code: int, *told: str) -> None:
    assert done.streams == (code, ""), done.err
    assert "error: " in done.err
    for text in told:
        assert text in done.err, (text, done.err)


@pytest.mark.parametrize(
    ("factor", "told"),
    [(1e-3, "latency=s"), (1e3, "latency=us"), (1.0, None)],
    ids=["seconds", "microseconds", "milliseconds"],
)
def test_i17_a_latency_in_another_unit_is_noticed(
    program: Program, factor: float, told: str | None
) -> None:
    """latency in seconds or microseconds imported as ms: a warning with the factor"""
    rows = [
        f"resnet50,nvidia-l4,{batch},fp16,{batch * 100},{10 * factor}" for batch in range(1, 101)
    ]
    rows[7] = "resnet50,nvidia-l4,8,fp16,800,77"
    text = "\n".join(("model,hardware,batch_size,precision,throughput,latency", *rows))

    done = program("measure", "import", "-", "--input-format=csv", stdin=text.encode())

    assert done.code == 0, done.err
    warnings = [line for line in done.err.splitlines() if line.startswith("warning: ")]
    assert len(warnings) == (told is not None)
    if told is not None:
        assert f"--unit {told}" in warnings[0]
        assert ("0.001" if factor < 1 else "1000") in warnings[0]
        assert "99%" in warnings[0]


def test_i17_one_record_in_another_unit_is_noticed(program: Program) -> None:
    """one measurement whose throughput and latency contradict each other"""
    done = program(*RECORD, "--batch-size=8", "--throughput=800", "--latency=0.01")
    assert done.code == 0
    assert "warning: " in done.err


def test_i18_an_unknown_device_is_named_and_nothing_stored(program: Program) -> None:
    """`cdua` everywhere a device is asked for; stored with --new-hardware"""
    rows = b"model,hardware,batch_size,precision,latency\nresnet50,cdua,1,fp16,2\n"
    for call in (
        ("measure", "record", "resnet50", "--hardware", "cdua", "--latency", "1"),
        ("measure", "import", "-", "--input-format", "csv"),
        ("perf", "predict", "resnet50", "--hardware", "cdua"),
        ("perf", "matrix", "--models", "resnet50", "--hardware", "cdua"),
        ("hardware", "recommend", "resnet50", "--hardware", "cpu,cdua"),
        ("hardware", "price", "set", "cdua", "1"),
        ("hardware", "alias", "cuda", "cdua"),
        ("measure", "suggest", "resnet50", "--hardware", "cdua"),
    ):
        refused(program(*call, stdin=rows), 2, "cdua", "did you mean", "cuda")
        assert not program.db.exists(), call
    for call in (
        ("measure", "record", "resnet50", "--hardware", "cdua", "--latency", "1"),
        ("measure", "import", "-", "--input-format", "csv"),
    ):
        assert program(*call, "--new-hardware", stdin=rows).code == 0
    listed = program("measure", "list", "--json").json()
    assert [row["hardware"] for row in listed] == ["cdua", "cdua"]


ID_COMMANDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "pred": (("perf", "show"), ("measure", "link", "{meas}"), (*RECORD, "--latency=1",
             "--prediction-id")),
    "meas": (("measure", "show"), ("measure", "unlink"), ("measure", "delete", "--yes"),
             ("measure", "check")),
    "rec": (("feedback", "record", "--accept"),),
    "model": (("models", "show"), ("models", "importance"), ("models", "activate"),
              ("models", "trust", "--yes"), ("models", "verify"), ("models", "delete", "--yes"),
              ("models", "export", "-o", "x"), ("models", "evaluate"), ("models", "compare"),
              ("perf", "predict", "resnet50", *L4, "--predictor")),
}  # fmt: skip
"""Kind of id → the commands that take one, the id last."""


def two_measurements(program: Program) -> list[str]:
    """Return the ids of two measurements of one moment, which begin alike."""
    rows = "model,hardware,batch_size,precision,latency\n" + "".join(
        f"resnet50,nvidia-l4,1,fp16,{latency}\n" for latency in (1, 2)
    )
    done = program("measure", "import", "-", "--input-format=csv", stdin=rows.encode())
    assert done.code == 0
    return [row["measurement_id"] for row in program("measure", "list", "--json").json()]


def test_i19_an_id_that_stands_for_nothing_is_named(program: Program) -> None:
    """ids: unknown, ambiguous, of another kind, SQL, empty, in every command that takes one"""
    made = {
        "pred": program("perf", "predict", "resnet50", *L4, "--batch-size=1,2", "-q").out.split(),
        "meas": two_measurements(program),
        "rec": [program("hardware", "recommend", "resnet50", *L4, "-q").out.strip()],
    }
    before = program.sha256()
    for kind, calls in ID_COMMANDS.items():
        other = made["meas" if kind != "meas" else "pred"][0]
        for call in calls:
            typed = [word.format(meas=made["meas"][0]) for word in call]
            refused(program(*typed, f"{kind}-01ARZ3NDEKTSV4RRFFQ69G5FAV"), 3, "01ARZ3NDEK")
            # what follows an option is its value; a positional id may need to be told from one
            dashes = () if typed[-1] in {"--prediction-id", "--predictor"} else ("--",)
            for wrong in (other, "' or 1=1 --", "%", f"{kind}-", f"{kind}-' or 1", "x"):
                refused(program(*typed, *dashes, wrong), 2)
            empty = program(*typed, "")
            assert empty.streams == (2, ""), (typed, empty.err)
    for kind in ("pred", "meas"):
        (shared,) = {one[: len(kind) + 9] for one in made[kind]}
        for call in ID_COMMANDS[kind]:
            typed = [word.format(meas=made["meas"][0]) for word in call]
            refused(program(*typed, shared), 2, "fits more than one id", *made[kind])
    assert program.sha256() == before


def test_i20_a_prediction_of_another_workload_is_refused_field_by_field(program: Program) -> None:
    """--prediction-id of another model, device and batch size; --force stores and marks"""
    other = program("perf", "predict", "resnet18", "--hardware=nvidia-a10", "--batch-size=4", "-q")
    given = (*RECORD, "--batch-size=8", "--latency=9", f"--prediction-id={other.out.strip()}")
    before = program.sha256()

    refused(program(*given), 2, "model_name", "device", "batch_size", "differ", "--force")
    assert program.sha256() == before

    forced = program(*given, "--force", "--json")
    assert forced.code == 0
    assert "marked" in forced.err
    (row,) = program(
        "db", "sql", "select is_forced_link, prediction_id from performance_measurements", "--json"
    ).json()
    assert row == {"is_forced_link": True, "prediction_id": other.out.strip()}
    assert program("perf", "analyze").streams == (3, "")


BROKEN_SETTINGS: dict[str, tuple[str, tuple[str, ...]]] = {
    "unknown key": ("user = 'x'\nlock_timout = 3", ("unknown key 'lock_timout'", "(at line 2)",
                    "did you mean 'lock_timeout'?")),
    "wrong type": ("\n\nlock_timeout = [3]", ("lock_timeout", "one value", "(at line 3)")),
    "table": ("[db]\npath = 'x'", ("db", "one value")),
    "no number": ("lock_timeout = 'soon'", ("lock timeout", "'soon'", "(at line 1)")),
    "no choice": ("format = 'jsn'", ("'jsn'", "(at line 1)", "did you mean json")),
    "no truth": ("debug = 'maybe'", ("debug", "'maybe'", "(at line 1)")),
    "no path": ('db = ""', ("db", "(at line 1)")),
    "syntax": ("user = 'x'\ndb = 3 3", ("not valid TOML", "line 2")),
    "twice": ("db = 'a'\ndb = 'b'\nuser = 'x'", ("not valid TOML", "line 2")),
    "deep": (f"db = {'[' * 100_000}", ("not valid TOML", "deep")),
    "long number": (f"lock_timeout = {'9' * 5000}", ("not valid TOML",)),
    "10 MB": ("# " + "x" * 10_000_000, ("larger than 1 MiB",)),
}  # fmt: skip


@pytest.mark.parametrize("variant", BROKEN_SETTINGS)
def test_i21_a_broken_settings_file_names_line_and_key(program: Program, variant: str) -> None:
    """settings files: unknown key, wrong type, syntax error, deep, 10 MB"""
    text, told = BROKEN_SETTINGS[variant]
    (program.work / "perfpredict.toml").write_text(text)
    (program.work / "other.toml").write_text(text)

    env = {"PERFPREDICT_DB": ""} if "db" in text else {}
    refused(program("measure", "list", env=env), 2, "perfpredict.toml", *told)
    (program.work / "perfpredict.toml").unlink()
    done = program("measure", "list", "--config", "other.toml", env=env)
    refused(done, 2, "other.toml", *told)
    assert program("measure", "list", "--config", "missing.toml").streams == (2, "")
    assert len(done.err) < 1000


DEVICE = """name = "my-gpu"
vendor = "me"
kind = "gpu"
platform = "cuda"
memory_mib = 1024
bandwidth_gb_per_s = 100

[peak_tflops]
fp32 = 10
"""
BROKEN_DEVICES: dict[str, tuple[str, tuple[str, ...]]] = {
    "unknown key": (DEVICE.replace("vendor", "vendr"), ("'vendr'", "(at line 2)", "'vendor'?")),
    "unknown precision": (
        DEVICE.replace("fp32", "fp23"), ("'peak_tflops.fp23'", "(at line 9)", "did you mean"),
    ),
    "wrong type": (DEVICE.replace("1024", "'much'"), ("'memory_mib'", "number", "(at line 5)")),
    "no choice": (DEVICE.replace('"gpu"', '"gpuu"'), ("'kind'", "(at line 3)", "'gpu'?")),
    "not finite": (DEVICE.replace("100", "inf"), ("'bandwidth_gb_per_s'", "(at line 6)")),
    "no number": (DEVICE.replace("100", "nan"), ("'bandwidth_gb_per_s'", "(at line 6)")),
    "below 0": (DEVICE.replace("10\n", "-1\n"), ("'peak_tflops.fp32'", "(at line 9)")),
    "missing": (DEVICE.replace("memory_mib = 1024\n", ""), ("'memory_mib'", "missing")),
    "syntax": (f"{DEVICE}x\n\n", ("not valid TOML", "line 10")),
    "deep": (f"{DEVICE}x = {'[' * 100_000}", ("not valid TOML", "deep")),
    "long number": (DEVICE.replace("1024", "9" * 5000), ("not valid TOML",)),
    "10 MB": (DEVICE + "# " + "x" * 10_000_000, ("larger than 1 MiB",)),
}  # fmt: skip


@pytest.mark.parametrize("variant", BROKEN_DEVICES)
def test_i21_a_broken_device_file_names_line_and_key(program: Program, variant: str) -> None:
    """device files: unknown key, wrong type, syntax error, deep, 10 MB"""
    text, told = BROKEN_DEVICES[variant]
    (program.work / "my.toml").write_text(text)

    refused(program("hardware", "add", "my.toml"), 2, "my.toml", *told)
    assert not program.db.exists()
    (program.work / "my.toml").write_text(DEVICE)
    assert program("hardware", "add", "my.toml", "-q").streams == (0, "my-gpu\n")


def test_i21_what_is_no_device_file_is_refused_at_once(program: Program) -> None:
    """device files that are a folder, a device, missing, or no text"""
    (program.work / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    for path in (".", "/dev/zero", "missing.toml", "bytes.toml", "x" * 5000, "a\x00b"):
        refused(program("hardware", "add", "--", path), 2)
    assert not program.db.exists()
