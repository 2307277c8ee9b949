"""Release dates of framework versions as result files write them."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfpredict.domain.framework_versions import released
from perfpredict.domain.workload import Workload

# half a day in years, the resolution of a date
A_DAY = 1 / 365


def year_of(text):
    day = date.fromisoformat(text)
    return day.year + (day.timetuple().tm_yday - 1) / (366 if day.year % 4 == 0 else 365)


@pytest.mark.parametrize(
    ("framework", "version", "day"),
    [
        ("pytorch", "2.4.0+cu124", "2024-07-24"),
        ("pytorch", "1.13.1", "2022-10-28"),
        ("pytorch", "1.13+cu117", "2022-10-28"),
        ("pytorch", "1.10.0a0+ecc3718", "2021-10-21"),
        ("pytorch", "2.3.0a0+40ec155e58.nv24.03", "2024-04-24"),
        ("pytorch", "2.10.0", "2026-01-21"),
        ("pytorch", "pytorch v2.7.1", "2025-04-23"),
        (None, "2.4.0", "2024-07-24"),
        ("vllm", "0.6.6.post1", "2024-12-27"),
        ("vllm", "0.6.0", "2024-09-05"),
        ("vllm", "vLLM 0.9.0, PyTorch 2.7.0", "2025-05-28"),
        ("tensorrt", "JetPack 4.6, TensorRT 8.0.1, CUDA 10.2", "2021-07-02"),
        ("tensorrt", "TensorRT 10.11.0.33, CUDA 12.9", "2025-05-14"),
        ("tensorrt-llm", "TensorRT 10.2.0, CUDA 12.4", "2024-07-04"),
        ("tensorrt-llm", "0.13.0", "2024-09-30"),
        ("onnxruntime", "1.17.1", "2024-01-31"),
        ("deepspeed", "0.14.2", "2024-03-08"),
        ("transformers", "4.40.1", "2024-04-18"),
        ("openvino", "OpenVino 2022", "2022-03-22"),
        ("openvino", "2024.2.0", "2024-06-17"),
        ("llama.cpp", "b4599", "2025-01-30"),
        ("llama.cpp", "4599 (5783575c)", "2025-01-30"),
        ("llama.cpp-vulkan", "b6845", "2025-10-26"),
    ],
)
def test_a_version_is_dated_by_its_longest_known_prefix(framework, version, day):
    assert released(framework, version) == pytest.approx(year_of(day), abs=A_DAY)


@pytest.mark.parametrize(
    ("framework", "version"),
    [
        ("pytorch", None),
        ("pytorch", "PyTorch"),
        ("pytorch", "nightly"),
        ("pytorch", "2"),
        ("pytorch", "2.99.0"),
        ("pytorch", "PyTorch: Retinanet: 1.12.0a0+gitb278502, Whisper: 2.7.0+cpu"),
        ("tensorrt", "CUDA 11.6"),
        ("tensorrt", "TensorRT-LLM 0.9"),
        ("tensorrt-llm", "10.2.0"),
        ("openvino", "OpenVino 2021"),
        ("llama.cpp", "b900"),
        ("llama.cpp", "b99999"),
        ("sambaflow", "1.18"),
        ("cuda", "CUDA 12.2"),
    ],
)
def test_what_is_not_known_has_no_date(framework, version):
    assert released(framework, version) is None


@given(st.integers(1961, 9433))
def test_a_later_build_of_llama_cpp_is_never_older(build):
    assert released("llama.cpp", f"b{build}") < released("llama.cpp", f"b{build + 1}")


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_text_has_a_plausible_date_or_none(framework, version):
    found = released(framework, version)
    assert found is None or 2018 < found < 2027


def test_the_version_is_no_part_of_what_a_workload_is_known_by():
    plain = Workload(model="resnet50", framework="pytorch")

    assert replace(plain, framework_version="2.4.0+cu124").key == plain.key
