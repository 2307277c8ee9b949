"""One name for each framework that runs models, whatever a result file calls it."""

import re

_NAMES = {
    "torch": "pytorch",
    "pt": "pytorch",
    "pytorch-eager": "pytorch",
    "pytorch-transformers": "transformers",
    "hf": "transformers",
    "hf-transformers": "transformers",
    "huggingface": "transformers",
    "hugging-face": "transformers",
    "trt": "tensorrt",
    "tensor-rt": "tensorrt",
    "trtllm": "tensorrt-llm",
    "trt-llm": "tensorrt-llm",
    "tensorrtllm": "tensorrt-llm",
    "llamacpp": "llama.cpp",
    "llama-cpp": "llama.cpp",
    "ollama": "llama.cpp",
    "ollama/llama.cpp": "llama.cpp",
    "ds-mii": "deepspeed-mii",
    "mii": "deepspeed-mii",
    "ort": "onnxruntime",
    "onnx": "onnxruntime",
    "onnx-runtime": "onnxruntime",
    "mlc": "mlc-llm",
    "exllama": "exllamav2",
    "exllama-v2": "exllamav2",
    "tf": "tensorflow",
}
"""Other spellings; a name that is not here is its own."""

KNOWN_FRAMEWORKS = tuple(sorted({*_NAMES.values(), "deepspeed", "sglang", "transformers", "vllm"}))
"""Names that are offered; any other is taken as well."""

_VERSION = re.compile(r"(:.*|[ -]v?\d[\w.+-]*)$")


def parse_framework(text: str) -> str:
    """Return the canonical name of a framework, its version left off.

    A name that is not in the table comes back trimmed and in lower case.
    """
    cleaned = _clean(text)
    if cleaned in _NAMES:
        return _NAMES[cleaned]
    bare = _clean(_VERSION.sub("", text.strip()))
    return _NAMES.get(bare, bare) if bare else cleaned


def _clean(text: str) -> str:
    return re.sub(r"[\s_]+", "-", text.strip().casefold())
