"""llama-bench: five formats, one meaning."""

import pytest

from perfpredict.importers.presets.gguf import model_name, weight_format

from .reading import Read, column, problems
from .samples import sample_bytes


@pytest.mark.parametrize("end", ["json", "jsonl", "csv", "sql", "md"])
def test_every_format_gives_the_same_tests(read: Read, end: str) -> None:
    rows = read(sample_bytes(f"llama-bench/results.{end}"), f"r.{end}")

    assert column(rows, "phase") == ["prefill", "decode", "decode", "generate"]
    assert column(rows, "input_tokens") == [512, None, None, 512]
    assert column(rows, "output_tokens") == [None, None, None, 128]
    assert column(rows, "sequence_length") == [None, 64, 4160, None]
    assert set(column(rows, "model_name")) == {"qwen2-7b"}
    assert set(column(rows, "device")) == {"nvidia-rtx-4090"}
    assert set(column(rows, "precision")) == {"int4"}
    assert set(column(rows, "quantization")) == {"q4_k_m"}
    assert set(column(rows, "framework_version")) == {"b6527"}
    assert set(column(rows, "batch_size")) == {1}
    # 640 tokens in 1.38 s, of which 128 are output
    expected = [5120, 100, 90.91, 128 / 1.38]
    assert column(rows, "throughput_per_s") == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("end", ["json", "jsonl", "csv", "sql"])
def test_latency_is_that_of_a_prompt_or_of_one_step(read: Read, end: str) -> None:
    rows = read(sample_bytes(f"llama-bench/results.{end}"), f"r.{end}")

    assert column(rows, "latency_ms") == pytest.approx([100, 10, 11, 1380])


def test_rows_carry_the_line_on_which_their_test_begins(read: Read) -> None:
    rows = read(sample_bytes("llama-bench/results.json"), "r.json")

    lines = sample_bytes("llama-bench/results.json").decode().splitlines()
    starts = [number for number, line in enumerate(lines, 1) if line == "  {"]
    assert column(rows, "source_row") == starts


def test_layers_on_no_gpu_run_on_the_processor(read: Read) -> None:
    text = sample_bytes("llama-bench/results.csv").decode().replace('"99"', '"0"')

    assert set(column(read(text), "device")) == {"amd-ryzen-9-7950x"}


def test_a_prompt_after_a_filled_cache_is_no_prefill(read: Read) -> None:
    lines = sample_bytes("llama-bench/results.jsonl").decode().splitlines()
    rows = read(lines[0].replace('"n_depth": 0', '"n_depth": 4096') + "\n" + lines[1], "r.jsonl")

    ((line, problem),) = problems(rows)
    assert (line, problem.split(":")[0]) == (1, "n_depth")


@pytest.mark.parametrize(
    ("model_type", "expected"),
    [
        ("qwen2 7B Q4_K - Medium", "q4_k_m"),
        ("llama 7B mostly Q4_0", "q4_0"),
        ("llama 8B Q8_0", "q8_0"),
        ("llama 8B F16", "f16"),
        ("llama 7B all F32", "f32"),
        ("qwen3 8B IQ4_XS - 4.25 bpw", "iq4_xs"),
        ("gpt-oss 20B MXFP4 MoE", "mxfp4"),
        ("llama 7B", None),
    ],
)
def test_the_type_names_the_weight_format(model_type: str, expected: str | None) -> None:
    assert weight_format(model_type) == expected


@pytest.mark.parametrize(
    ("filename", "model_type", "expected"),
    [
        ("/m/Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf", "llama 8B Q4_K - Medium",
         "Meta-Llama-3.1-8B-Instruct"),
        ("models/7B/ggml-model-q4_0.gguf", "llama 7B mostly Q4_0", None),
        (None, "qwen2 7B Q4_0", "qwen2-7B"),
        ("C:\\m\\my-tune.Q8_0.gguf", "llama 8B Q8_0", "my-tune"),
    ],
)  # fmt: skip
def test_a_model_is_named_by_its_file_or_an_unshared_type(
    filename: str | None, model_type: str, expected: str | None
) -> None:
    assert model_name(filename, model_type) == expected
