"""Names of frameworks as result files write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfpredict.domain.frameworks import parse_framework


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PyTorch", "pytorch"),
        ("torch", "pytorch"),
        ("pytorch v2.7.1", "pytorch"),
        ("PyTorch: Retinanet: 1.12.0a0+gitb278502", "pytorch"),
        ("pytorch-transformers", "transformers"),
        ("hf", "transformers"),
        ("vLLM", "vllm"),
        ("TensorRT-LLM", "tensorrt-llm"),
        ("tensorrt", "tensorrt"),
        ("ollama/llama.cpp", "llama.cpp"),
        ("llama.cpp-vulkan", "llama.cpp-vulkan"),
        ("Deepspeed-MII", "deepspeed-mii"),
        ("mii", "deepspeed-mii"),
        ("ORT", "onnxruntime"),
        ("OpenVino 2022", "openvino"),
        ("mlc-llm", "mlc-llm"),
        ("sambaflow", "sambaflow"),
        ("My Own Engine", "my-own-engine"),
    ],
)
def test_a_spelling_is_brought_to_its_canonical_name(text: str, expected: str) -> None:
    assert parse_framework(text) == expected


@given(st.text(min_size=1).filter(str.strip))
def test_parsing_twice_changes_no_table_name(text: str) -> None:
    once = parse_framework(text)

    assert parse_framework(once) in {once, parse_framework(once)}
    assert once == once.strip()
