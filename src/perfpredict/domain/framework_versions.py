"""When each known version of a framework was released, so that its age can be told in years.

Dates are facts of record. PyTorch: the table "PyTorch Versions" of the project's wiki, later ones
its package index. vLLM, TensorRT-LLM, onnxruntime, DeepSpeed, transformers, OpenVINO and TensorRT
from 8.5: the day on which their package index got the version. TensorRT 7 to 8.4 and 9: the
changelog of NVIDIA/TensorRT, but for 7.0 (announced at GTC China 2019) and the early access of 8.4
(in use in MLPerf's round 2.0, submitted in early 2022; good to a month). llama.cpp: the builds that
releases of node-llama-cpp name, of the same day or at most a few days older.
"""

import re
from datetime import date
from functools import cache
from itertools import pairwise

from perfpredict.domain.names import clean_text
from perfpredict.errors import InvalidInputError

LONGEST = 200


def parse_framework_version(field: str, text: str) -> str:
    """Return a version as its publisher writes it, without surrounding blanks.

    Raises InvalidInputError naming `field` for one that is blank, too long or cannot be stored.
    """
    version = clean_text(field, text.strip(), LONGEST)
    if not version:
        raise InvalidInputError(f"{field}: must not be blank")
    return version


@cache
def released(framework: str | None, version: str | None) -> float | None:
    """Return when a version was released as a decimal year, e.g. 2024.56; None where not known.

    `framework` is a canonical name, None the catalog's default (pytorch). `version` is as
    published: build tags are ignored, and the longest known prefix counts (`2.4.0+cu124` is 2.4).
    A text that names several programs, as MLPerf's do, is searched for the framework's own.
    """
    if version is None:
        return None
    name = framework or "pytorch"
    if name.startswith("llama.cpp"):
        return _build_released(version)
    for program in (name, *_BUILT_ON.get(name, ())):
        number = _number_of(program, version)
        if number is not None:
            return _number_released(program, number)
    if (bare := _BARE.match(version)) is not None:
        return _number_released(name, bare[1])
    return None


def _number_of(program: str, text: str) -> str | None:
    """Return the version that `text` gives of `program` by name, e.g. `TensorRT 8.0.1, CUDA 11`."""
    names = _NAMED.get(program)
    if names is None:
        return None
    found = re.search(rf"(?<![\w-])(?:{names})[\s:=v-]*(\d+(?:\.\d+)*)", text, re.IGNORECASE)
    return None if found is None else found[1]


def _number_released(program: str, number: str) -> float | None:
    dates = _RELEASED.get(program, {})
    parts = number.split(".")
    for length in range(len(parts), 0, -1):
        day = dates.get(".".join(parts[:length]))
        if day is not None:
            return _decimal_year(date.fromisoformat(day))
    return None


def _build_released(text: str) -> float | None:
    """Return the date of a build of llama.cpp, which come daily: between the known ones around."""
    found = _BUILD.search(text)
    if found is None:
        return None
    build = int(found[1])
    known = [(number, _decimal_year(date.fromisoformat(day))) for number, day in _BUILDS]
    for (low, before), (high, after) in pairwise(known):
        if low <= build <= high:
            return before + (after - before) * (build - low) / (high - low)
    return None


def _decimal_year(day: date) -> float:
    first, next_first = date(day.year, 1, 1), date(day.year + 1, 1, 1)
    return day.year + (day - first).days / (next_first - first).days


_BARE = re.compile(r"\s*v?(\d+(?:\.\d+)*)", re.IGNORECASE)
_BUILD = re.compile(r"\bb?(\d{4,5})\b", re.IGNORECASE)
_NAMED = {
    "pytorch": "pytorch|torch",
    "vllm": "vllm",
    "tensorrt-llm": "tensorrt[- _]?llm|trt-?llm",
    "tensorrt": "tensorrt|trt",
    "onnxruntime": "onnx[- _]?runtime|ort",
    "deepspeed": "deepspeed",
    "transformers": "transformers",
    "openvino": "openvino",
}
"""How result files name a program beside its version."""
_BUILT_ON = {"tensorrt-llm": ("tensorrt",), "transformers": ("pytorch",)}
"""What is as old as the framework, where a text gives the version of that by name alone."""

_BUILDS = (
    (1961, "2024-01-24"), (2060, "2024-02-05"), (3265, "2024-06-30"), (3504, "2024-08-02"),
    (3887, "2024-10-05"), (4599, "2025-01-30"), (5423, "2025-05-19"), (5593, "2025-06-05"),
    (6845, "2025-10-26"), (7347, "2025-12-10"), (9134, "2026-05-13"), (9434, "2026-05-30"),
)  # fmt: skip
"""llama.cpp's build numbers, which count its commits, and the day of each."""

_RELEASED: dict[str, dict[str, str]] = {
    "pytorch": {
        "1.0": "2018-12-07", "1.1": "2019-04-30", "1.2": "2019-08-08", "1.3": "2019-10-22",
        "1.4": "2020-01-15", "1.5": "2020-04-21", "1.6": "2020-07-28", "1.7": "2020-10-27",
        "1.8": "2021-03-04", "1.9": "2021-06-15", "1.10": "2021-10-21", "1.11": "2022-02-10",
        "1.12": "2022-06-28", "1.13": "2022-10-28", "2.0": "2023-03-15", "2.1": "2023-10-04",
        "2.2": "2024-01-30", "2.3": "2024-04-24", "2.4": "2024-07-24", "2.5": "2024-10-17",
        "2.6": "2025-01-30", "2.7": "2025-04-23", "2.8": "2025-08-06", "2.9": "2025-10-15",
        "2.10": "2026-01-21",
    },
    "vllm": {
        "0.1": "2023-06-20", "0.1.1": "2023-06-22", "0.1.2": "2023-07-05", "0.1.3": "2023-08-02",
        "0.1.4": "2023-08-25", "0.1.7": "2023-09-11", "0.2": "2023-09-28", "0.2.7": "2024-01-04",
        "0.3": "2024-01-31", "0.3.3": "2024-03-01", "0.4": "2024-03-31", "0.4.1": "2024-04-24",
        "0.4.2": "2024-05-05", "0.4.3": "2024-06-01", "0.5": "2024-06-11", "0.5.1": "2024-07-06",
        "0.5.2": "2024-07-15", "0.5.3": "2024-07-23", "0.5.4": "2024-08-05",
        "0.5.5": "2024-08-23", "0.6": "2024-09-05", "0.6.1": "2024-09-11", "0.6.2": "2024-09-25",
        "0.6.3": "2024-10-14", "0.6.4": "2024-11-15", "0.6.5": "2024-12-18",
        "0.6.6": "2024-12-27", "0.7": "2025-01-27", "0.7.1": "2025-02-01", "0.7.2": "2025-02-06",
        "0.7.3": "2025-02-20", "0.8": "2025-03-18", "0.8.1": "2025-03-19", "0.8.2": "2025-03-25",
        "0.8.3": "2025-04-06", "0.8.4": "2025-04-15", "0.8.5": "2025-04-28", "0.9": "2025-05-28",
        "0.9.1": "2025-06-10", "0.9.2": "2025-07-08", "0.10": "2025-07-25",
        "0.10.1": "2025-08-19", "0.10.2": "2025-09-13", "0.11": "2025-10-04",
        "0.11.1": "2025-11-19", "0.11.2": "2025-11-20",
    },
    "tensorrt-llm": {
        "0.5": "2023-10-20", "0.6": "2023-12-05", "0.7": "2023-12-28", "0.8": "2024-02-29",
        "0.9": "2024-04-11", "0.10": "2024-06-05", "0.11": "2024-07-17", "0.12": "2024-08-29",
        "0.13": "2024-09-30", "0.14": "2024-11-01", "0.15": "2024-12-04", "0.16": "2024-12-24",
        "0.17": "2025-01-30", "0.18": "2025-04-02", "0.19": "2025-05-09", "0.20": "2025-06-19",
        "0.21": "2025-08-04", "1.0": "2025-09-24",
    },
    "tensorrt": {
        "7.0": "2019-12-18", "7.2": "2020-10-20", "8.0": "2021-07-02", "8.2": "2021-10-05",
        "8.2.1": "2021-11-24", "8.4": "2022-03-01", "8.4.1": "2022-06-17",
        "8.5": "2022-11-01", "8.6": "2023-03-14", "8.6.1": "2023-05-03",
        "9.0": "2023-09-07", "9.1": "2023-10-18", "9.2": "2023-11-27", "9.3": "2024-02-09",
        "10.0": "2024-04-24", "10.1": "2024-06-14", "10.2": "2024-07-04", "10.3": "2024-08-07",
        "10.4": "2024-09-06", "10.5": "2024-09-30", "10.6": "2024-11-02", "10.7": "2024-12-03",
        "10.8": "2025-01-24", "10.9": "2025-03-05", "10.10": "2025-05-01", "10.11": "2025-05-14",
        "10.12": "2025-06-12", "10.13": "2025-07-22", "10.14": "2025-11-04",
    },
    "onnxruntime": {
        "1.0": "2019-10-29", "1.1": "2019-12-19", "1.2": "2020-03-10", "1.3": "2020-05-18",
        "1.4": "2020-07-17", "1.5": "2020-09-29", "1.6": "2020-12-10", "1.7": "2021-03-02",
        "1.8": "2021-06-03", "1.9": "2021-09-22", "1.10": "2021-12-07", "1.11": "2022-03-25",
        "1.12": "2022-07-22", "1.13": "2022-10-24", "1.14": "2023-02-10", "1.15": "2023-05-24",
        "1.16": "2023-09-19", "1.17": "2024-01-31", "1.18": "2024-05-17", "1.19": "2024-08-15",
        "1.20": "2024-11-01", "1.21": "2025-03-08", "1.22": "2025-05-09", "1.23": "2025-09-25",
    },
    "deepspeed": {
        "0.3": "2020-11-12", "0.4": "2021-06-08", "0.5": "2021-08-17", "0.6": "2022-03-07",
        "0.7": "2022-08-01", "0.8": "2023-01-17", "0.9": "2023-04-13", "0.10": "2023-07-17",
        "0.11": "2023-10-06", "0.12": "2023-11-03", "0.13": "2024-01-19", "0.14": "2024-03-08",
        "0.15": "2024-08-22", "0.16": "2024-11-25", "0.17": "2025-06-02", "0.18": "2025-10-07",
    },
    "transformers": {
        "4.0": "2020-11-30", "4.1": "2020-12-17", "4.2": "2021-01-13", "4.3": "2021-02-08",
        "4.4": "2021-03-16", "4.5": "2021-04-06", "4.6": "2021-05-12", "4.7": "2021-06-17",
        "4.8": "2021-06-23", "4.9": "2021-07-22", "4.10": "2021-08-31", "4.11": "2021-09-27",
        "4.12": "2021-10-28", "4.13": "2021-12-09", "4.14": "2021-12-15", "4.15": "2021-12-22",
        "4.16": "2022-01-27", "4.17": "2022-03-03", "4.18": "2022-04-06", "4.19": "2022-05-12",
        "4.20": "2022-06-16", "4.21": "2022-07-27", "4.22": "2022-09-14", "4.23": "2022-10-10",
        "4.24": "2022-11-01", "4.25": "2022-12-01", "4.26": "2023-01-24", "4.27": "2023-03-15",
        "4.28": "2023-04-13", "4.29": "2023-05-10", "4.30": "2023-06-08", "4.31": "2023-07-18",
        "4.32": "2023-08-22", "4.33": "2023-09-05", "4.34": "2023-10-03", "4.35": "2023-11-02",
        "4.36": "2023-12-11", "4.37": "2024-01-22", "4.38": "2024-02-21", "4.39": "2024-03-21",
        "4.40": "2024-04-18", "4.41": "2024-05-17", "4.42": "2024-06-27", "4.43": "2024-07-23",
        "4.44": "2024-08-06", "4.45": "2024-09-25", "4.46": "2024-10-24", "4.47": "2024-12-05",
        "4.48": "2025-01-10", "4.49": "2025-02-17", "4.50": "2025-03-21", "4.51": "2025-04-05",
        "4.52": "2025-05-20", "4.53": "2025-06-26", "4.54": "2025-07-25", "4.55": "2025-08-05",
        "4.56": "2025-08-29", "4.57": "2025-10-03", "5.0": "2026-01-26",
    },
    "openvino": {
        "2021.2": "2020-12-16", "2021.3": "2021-03-23", "2021.4": "2021-06-29",
        "2022": "2022-03-22", "2022.1": "2022-03-22", "2022.2": "2022-09-21",
        "2022.3": "2022-12-21", "2023": "2023-05-31", "2023.0": "2023-05-31",
        "2023.1": "2023-09-18", "2023.2": "2023-11-16", "2023.3": "2024-01-24",
        "2024": "2024-03-06", "2024.0": "2024-03-06", "2024.1": "2024-04-25",
        "2024.2": "2024-06-17", "2024.3": "2024-07-31", "2024.4": "2024-09-19",
        "2024.5": "2024-11-20", "2024.6": "2024-12-19", "2025": "2025-02-06",
        "2025.0": "2025-02-06", "2025.1": "2025-04-10", "2025.2": "2025-06-18",
        "2025.3": "2025-09-03", "2025.4": "2025-12-01",
    },
}  # fmt: skip
"""By framework: version, or what versions begin with, to ISO date."""
