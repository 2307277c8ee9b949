"""What all presets share: files are known by what they hold, and nothing unsaid is guessed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from perfpredict.errors import InvalidInputError
from perfpredict.importers.options import Preset
from perfpredict.importers.presets.registry import READERS

from .reading import Read, column, problems
from .samples import SAMPLES, Sample, sample_bytes

ReadSample = Callable[..., object]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.path)
def test_a_file_is_recognised_without_being_named(read: Read, sample: Sample) -> None:
    rows = read(sample_bytes(sample.path), Path(sample.path).name, defaults=sample.defaults)

    assert rows.bad.is_empty()
    assert rows.notes[0].endswith(f"read as a file of {sample.preset}")


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.path)
def test_the_same_file_again_gives_the_same_rows(read: Read, sample: Sample) -> None:
    name = Path(sample.path).name
    first = read(sample_bytes(sample.path), name, defaults=sample.defaults)
    again = read(sample_bytes(sample.path), name, defaults=sample.defaults)

    keys = column(first, "import_key")
    assert keys == column(again, "import_key")
    assert len(set(keys)) == len(keys) == sample.rows


@pytest.mark.parametrize(
    "sample", [sample for sample in SAMPLES if sample.defaults], ids=lambda sample: sample.path
)
def test_what_a_file_does_not_say_is_asked_for_by_option(read: Read, sample: Sample) -> None:
    for name in sample.defaults:
        rest = {field: text for field, text in sample.defaults.items() if field != name}

        with pytest.raises(InvalidInputError, match="does not say") as caught:
            read(sample_bytes(sample.path), Path(sample.path).name, defaults=rest)

        assert f"--default {name}=" in str(caught.value.hint)


def test_every_preset_has_a_sample() -> None:
    assert {sample.preset for sample in SAMPLES} == set(READERS)
    assert set(READERS) == set(Preset) - {Preset.PUBLISHED}


@pytest.mark.parametrize("preset", READERS)
def test_a_preset_refuses_what_is_no_file_of_its_tool(read: Read, preset: Preset) -> None:
    with pytest.raises(InvalidInputError, match=rf"f\.csv: not a file that preset '{preset}'"):
        read("model,hardware,batch_size,latency\nresnet50,nvidia-l4,1,2\n", preset=preset)


def test_a_table_of_columns_is_no_tools_file(read: Read) -> None:
    rows = read("model,hardware,batch_size,precision,latency\nresnet50,nvidia-l4,1,fp16,2\n")

    assert not any("read as a file of" in note for note in rows.notes)


def test_a_broken_line_is_named_and_the_others_are_kept(read: Read) -> None:
    lines = sample_bytes("vllm/serve-appended.json").decode().splitlines()
    broken = [
        lines[0],
        lines[1][:-1],
        lines[0].replace('"output_throughput": 102.4', '"output_throughput": "fast"'),
    ]

    rows = read("\n".join(broken), "f.jsonl")

    assert [row for row, _ in problems(rows)] == [2, 3]
    assert problems(rows)[0][1].startswith("not valid JSON")
    assert problems(rows)[1][1] == 'output_throughput: not a number (got "fast")'
    assert rows.good.height == 3


def test_a_forced_preset_names_the_line_of_broken_json(read: Read) -> None:
    with pytest.raises(InvalidInputError, match=r"f\.json:2: not valid JSON"):
        read('[{"n_prompt": 1, "n_gen": 0, "avg_ts": 1, "model_type": "x"},\n{"a" 1}]', "f.json")
