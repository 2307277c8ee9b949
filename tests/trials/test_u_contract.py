"""U1 to U4, U6, U8, U9: what holds of every command of the tree, whatever it does."""

import csv
import io
import json
import re
from pathlib import Path

import jsonschema
import pytest

from perfpredict.commands.root import FORMATS_BY_COMMAND
from perfpredict.reports.schema import OUTPUTS, schema_of

from .command_tree import commands
from .conftest import Repeats
from .program import Done
from .usual_calls import CALLS, Furnished

FORMATS = ("json", "jsonl", "csv", "tsv", "markdown", "plain", "table")
SLOW = {"sample generate", "hardware probe", "models train", "models load", "db compact"}
"""Commands of a second and more: once is enough where counts are reduced."""
UNWRITTEN = {"measure export": {"table", "plain", "markdown"}}
"""Formats that a command refuses: an export is read back, and a table is not."""
VARYING = {"hardware probe", "doctor", "db info", "config show"}
"""Commands that tell of the moment, or of the options themselves."""
BARE = {"completion", "measure export"}
"""Commands whose output is text of their own, or is tried elsewhere."""
GOLDEN = Path(__file__).parent / "golden_keys.json"
ESCAPE = "\x1b"
ID = re.compile(r"(pred|meas|rec|model|imp)-[0-9A-HJKMNP-TV-Z]{26}")
READING = (
    "hardware compat", "hardware history", "perf list", "perf show", "perf analyze", "perf errors",
    "perf check", "measure check", "measure list", "measure show", "measure export",
    "feedback list", "feedback summary", "models list", "models show", "models importance",
    "models verify", "models evaluate", "models compare", "models export", "db info", "db check",
    "db backup", "db export", "db sql", "db compact", "db migrate", "models train",
)  # fmt: skip
"""Commands that answer from stored rows, or change nothing but stored rows."""


def parsed(text: str, chosen: str) -> object:
    """Return what a format holds; raises for what does not parse."""
    if chosen == "json":
        return json.loads(text, parse_constant=int)
    if chosen == "jsonl":
        return [json.loads(line, parse_constant=int) for line in text.splitlines()]
    if chosen in {"csv", "tsv"}:
        cells = list(csv.reader(io.StringIO(text, newline=""),
                                delimiter="," if chosen == "csv" else "\t"))  # fmt: skip
        assert len({len(line) for line in cells}) <= 1
        return cells
    if chosen == "markdown":
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        widths = {line.replace("\\|", "").count("|") for line in lines}
        assert all(line.startswith("|") for line in lines) and len(widths) <= 1
        return lines
    return text.splitlines()


def test_u01_every_command_has_a_usual_call() -> None:
    """the trials below leave no command out"""
    assert set(CALLS) == {command.name for command in commands()}
    assert set(READING) <= set(CALLS)


def test_u01_every_format_of_every_command_parses(rows: Furnished, repeats: Repeats) -> None:
    """each command in each format: standard output parses; -v and --debug change no byte of it"""
    # JSON of every command is tried by U2 as well
    chosen_formats = FORMATS[1:]
    step = len(chosen_formats) // repeats(len(chosen_formats), 1, of="formats besides JSON")
    for turn, name in enumerate(CALLS):
        if name in SLOW and step > 1:
            continue
        for chosen in set(chosen_formats[turn % step :: step]) - UNWRITTEN.get(name, set()):
            done = rows.call(name, f"--format={chosen}")
            assert done.code == 0, (name, chosen, done.err)
            assert ESCAPE not in done.out and "Traceback" not in done.err
            if name not in BARE:
                parsed(done.out, chosen)
            for line in done.err.splitlines():
                assert line.startswith(("note: ", "warning: ", "hint: ")), (name, done.err)


def test_u01_saying_more_changes_no_byte_of_the_answer(rows: Furnished, repeats: Repeats) -> None:
    """each command with and without -v --debug"""
    for name in some_commands(repeats, 5):
        if name not in VARYING:
            quiet = rows.call(name, "--json")
            assert settled(quiet) == settled(rows.call(name, "--json", "-v", "--debug")), name


def some_commands(repeats: Repeats, step: int) -> list[str]:
    """Return every command, or with reduced counts every `step`-th."""
    chosen = repeats(len(CALLS), len(CALLS) // step, of="commands")
    names = [name for name in CALLS if name not in SLOW or chosen == len(CALLS)]
    return names[:: max(len(names) // chosen, 1)]


def settled(done: Done) -> str:
    """Return standard output without what differs between two calls: new ids and times."""
    text = re.sub(r"(pred|meas|rec|model|imp)-[0-9A-Z]{26}", r"\1", done.out)
    text = re.sub(r"20\d\d-\d\d-\d\d[T ][0-9:.]+(Z|\+00:00)?|20\d{6}T\d{6}Z", "TIME", text)
    return re.sub(r'"sha256": "[0-9a-f]+"|[0-9.]+ GB free', "", text)


SCHEMAS = {
    "hardware add": "hardware-change", "hardware remove": "hardware-change",
    "hardware price set": "hardware-price", "hardware price import": "hardware-price",
    "measure unlink": "measure-link", "models load": "models-store",
    "models activate": "models-store", "models trust": "models-store",
}  # fmt: skip
"""Commands that print another command's output."""
WITHOUT_SCHEMA = {"measure show", "perf evaluate", "perf show"}
"""Commands whose keys depend on what was stored, or on the groups asked for."""


def test_u02_json_is_what_its_schema_says(rows: Furnished) -> None:
    """JSON of each command: its schema holds, no NaN, and its keys are those of the golden file"""
    golden = json.loads(GOLDEN.read_text())
    for name in CALLS:
        if name in {"completion", "measure export"}:
            continue
        done = rows.call(name, "--json")
        assert done.code == 0, (name, done.err)
        assert shape(done.json()) == golden[name], name
        schema = SCHEMAS.get(name, name.replace(" ", "-"))
        assert (schema in OUTPUTS) != (name in WITHOUT_SCHEMA), name
        if schema in OUTPUTS:
            jsonschema.validate(done.json(), schema_of(schema))


def shape(found: object) -> object:
    """Return the sorted keys of a JSON document, of its first row where it is a list."""
    if isinstance(found, list):
        return ["array", sorted(found[0]) if found and isinstance(found[0], dict) else []]
    return ["object", sorted(found)] if isinstance(found, dict) else ["value", []]


def test_u03_a_pipe_gets_no_colour_unless_it_is_asked_for(
    rows: Furnished, repeats: Repeats
) -> None:
    """piped output: no ESC byte, whole ids; FORCE_COLOR colours, NO_COLOR wins"""
    for name in some_commands(repeats, 6):
        plain = rows.call(name, env={"GITHUB_ACTIONS": "1"})
        assert plain.code == 0 and ESCAPE not in plain.out + plain.err
        has_whole_ids(plain)
        forced = rows.call(name, env={"FORCE_COLOR": "1"})
        assert (ESCAPE in forced.err) == bool(forced.err), name
        both = rows.call(name, env={"FORCE_COLOR": "1", "NO_COLOR": "1"})
        assert ESCAPE not in both.out + both.err
    coloured = rows.call("hardware list", env={"FORCE_COLOR": "1"})
    assert ESCAPE in coloured.out


def has_whole_ids(done: Done) -> None:
    for found in re.finditer(r"\b(pred|meas|rec|model|imp)-[0-9A-Z]+", done.out):
        assert ID.fullmatch(found[0]), found[0]


def test_u04_any_width_and_a_dumb_terminal_will_do(rows: Furnished, repeats: Repeats) -> None:
    """COLUMNS=20 and 500, TERM=dumb, piped and on a terminal"""
    for name in some_commands(repeats, 6):
        narrow = rows.call(name, env={"COLUMNS": "20", "TERM": "dumb"})
        wide = rows.call(name, env={"COLUMNS": "500"}, is_terminal=True)
        dumb = rows.call(name, env={"COLUMNS": "20", "TERM": "dumb"}, is_terminal=True)
        assert {narrow.code, wide.code, dumb.code} == {0}, (name, narrow.err, wide.err)
        assert ESCAPE not in dumb.out + narrow.out
        has_whole_ids(narrow)


CREATING = {
    "hardware recommend": "rec", "perf predict": "pred", "measure import": "imp",
    "measure record": "meas", "models store": "model", "models load": "model",
}  # fmt: skip


@pytest.mark.parametrize("name", CREATING)
def test_u06_quiet_prints_one_id_a_line(name: str, rows: Furnished) -> None:
    """-q of each creating command: one id a line and nothing else, on either stream"""
    done = rows.call(name, "-q")

    assert done.code == 0
    (line,) = done.out.splitlines()
    assert ID.fullmatch(line) and line.startswith(f"{CREATING[name]}-")
    warnings = [line for line in done.err.splitlines() if not line.startswith("warning: ")]
    assert warnings == []


def test_u06_quiet_prints_no_table_anywhere(rows: Furnished, repeats: Repeats) -> None:
    """-q of every other command: single words or lines, no headings"""
    for name in some_commands(repeats, 5):
        done = rows.call(name, "-q")
        assert done.code == 0, (name, done.err)
        if name not in BARE:
            assert "  " not in done.out.strip(), (name, done.out)


@pytest.mark.parametrize("name", READING)
def test_u08_without_a_database_reading_makes_none(name: str, rows: Furnished) -> None:
    """reading commands on a missing database: code 3, its path named, nothing created"""
    missing = rows.program.work / "none" / "missing.duckdb"
    for place in ("missing.duckdb", str(missing)):
        done = rows.call(name, "--db", place)
        assert done.streams == (3, ""), (name, done.err)
        assert "no database yet at '" in done.err and "missing.duckdb'" in done.err
        assert not missing.parent.exists()
        assert not (rows.program.work / "missing.duckdb").exists()
        assert not (rows.program.work / "missing.duckdb.lock").exists()


def test_u09_common_options_work_anywhere(rows: Furnished, repeats: Repeats) -> None:
    """--db and --format before, between and after the words of every command"""
    for name in some_commands(repeats, 6):
        if name in BARE | VARYING:
            continue
        group, *rest = name.split()
        after = rows.call(name, "--format", "json", "--db", "x.duckdb")
        before = rows.call(name, before=("--format", "json", "--db", "x.duckdb"))
        rows.put_back()
        filled = [word.format(**rows.ids, batch_size="{batch_size}") for word in CALLS[name]]
        between = rows.program(group, "--db=x.duckdb", *rest, "--format=json", *filled)
        assert (after.code, before.code, between.code) == (0, 0, 0), (after.err, before.err)
        assert settled(after) == settled(before) == settled(between), name


def test_u01_a_format_of_another_command_is_refused(rows: Furnished) -> None:
    """the formats that only some commands write, everywhere else"""
    for name in CALLS:
        for chosen in ("junit", "github", "parquet"):
            done = rows.program(*name.split(), "x", f"--format={chosen}")
            if chosen in FORMATS_BY_COMMAND.get(name, ()):
                continue
            assert done.streams == (2, ""), (name, chosen, done.err)
