"""Random command lines over the whole tree: some right, some nearly, some hostile."""

from collections.abc import Sequence

from hypothesis import strategies as st

from .command_tree import Command, Parameter, commands
from .hostile_texts import HOSTILE_TEXTS

ROWS_FILE, BROKEN_FILE, PICKLE_FILE = "rows.csv", "broken.bin", "hostile.joblib"
FILES = (
    ROWS_FILE, BROKEN_FILE, PICKLE_FILE, "missing.csv", ".", "folder", "", "-", "x" * 5000,
    "new/file", "*.csv", "/proc/self/mem",
)  # fmt: skip
WORDS = (
    "resnet50", "bert-base-uncased", "llama-7b", "resnet5", "nvidia-l4", "cuda", "cpu",
    "cuda,cpu", "cdua", "fp16", "int4", "inference", "training", "generate", "latency", "all",
    "throughput", "30d", "2026-01-01", "2026-01-01T00:00:00Z", "9999-12-31", "0001-01-01", "12h",
    "model", "device", "week", "yes", "no", "roofline", "csv", "json", "closed", "USD", "bash",
    "a,b", "a=b", "tps=throughput", "latency=s", "hardware=nvidia-l4", "select 1", "user",
    "perf-predict", "batch_size", "lightgbm", "ridge", "fail", "skip", "upper", "-model",
)  # fmt: skip
NUMBERS = (
    "0", "1", "2", "8", "0.5", "0.9", "1e3", "-1", "nan", "inf", "1e999", "1_000", "1,8", "9ms",
    "1GiB", "5/s", "1000000", "1000001", str(2**31), str(2**63), "1e-320", "٣",
)  # fmt: skip
COMMON = (
    "--json", "-q", "-v", "--debug", "--no-color", "--color=always", "--format=csv",
    "--format=jsonl", "--format=markdown", "--format=table", "--format=tsv", "--format=plain",
    "--format=junit", "--format=github", "--format=parquet", "--format=nope", "--quiet=primary",
    "--lock-timeout=1", "--lock-timeout=-1", "--config=missing.toml", "--help", "--version",
    "--db=missing.duckdb", "--db=.", "--db=", "--db=broken.bin", "--db", "--", "--nope", "-h",
)  # fmt: skip
SLOW = {
    "hardware probe", "measure run", "models train", "models evaluate", "models compare",
    "perf evaluate", "sample generate",
}  # fmt: skip
"""Commands that may compute for minutes: they get their small options only."""
_SMALL: dict[str, tuple[str, ...]] = {
    "hardware probe": ("--seconds=0.01", "--no-store"),
    "measure run": ("--dry-run",),
    "models train": ("--dry-run", "--algorithm=ridge", "--min-rows=1000000"),
    "models evaluate": ("--model=nothing",),
    "models compare": ("--model=nothing",),
    "perf evaluate": ("--model=nothing",),
    "sample generate": ("--num-models=1", "--measurements=2"),
}


def command_lines(ids: Sequence[str]) -> st.SearchStrategy[list[str]]:
    """Return a strategy of argument lists; `ids` are those of rows that exist."""
    return st.sampled_from(commands()).flatmap(lambda command: _lines(command, ids))


def _lines(command: Command, ids: Sequence[str]) -> st.SearchStrategy[list[str]]:
    value = _values(ids)
    option = st.sampled_from(command.options).flatmap(lambda one: _option(one, value))
    argument = value if command.arguments else st.nothing()
    most = 1 if command.name in SLOW else 5
    options = st.lists(option, max_size=most) if command.options else st.just([])
    arguments = st.lists(argument, max_size=3) if command.arguments else st.just([])
    common = st.lists(st.sampled_from(COMMON), max_size=2)
    small = list(_SMALL.get(command.name, ()))

    def joined(parts: tuple[list[list[str]], list[str], list[str]]) -> list[str]:
        given, positional, more = parts
        flat = [word for words in given for word in words]
        return [*command.path, *positional, *flat, *small, *more]

    return st.tuples(options, arguments, common).map(joined)


def _option(option: Parameter, value: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    name = st.sampled_from(option.names)
    if option.is_flag:
        return name.map(lambda text: [text])
    return st.tuples(name, value, st.booleans()).map(
        lambda parts: [f"{parts[0]}={parts[1]}"] if parts[2] else [parts[0], parts[1]]
    )


def _values(ids: Sequence[str]) -> st.SearchStrategy[str]:
    # no NUL can be in an argument, and nothing outside of the trial's folder may be written to
    hostile = tuple(text for text in HOSTILE_TEXTS if "\x00" not in text and text[:1] != "/")
    some_text = st.text(st.characters(exclude_characters="\x00/~", exclude_categories=["Cs"]))
    return st.one_of(
        st.sampled_from(WORDS), st.sampled_from(NUMBERS), st.sampled_from(FILES),
        st.sampled_from((*ids, ids[0][:14], "pred-", "meas-01ARZ3NDEKTSV4RRFFQ69G5FAV")),
        st.sampled_from(hostile), some_text,
    )  # fmt: skip
