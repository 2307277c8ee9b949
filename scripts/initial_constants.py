"""Starting values of the roofline constants: the point that fitting is shrunk towards.

Orders of magnitude from the literature: matrix products reach 50 to 80 % of a GPU's peak and
convolutions less, depthwise ones a few percent; element-wise kernels 70 to 90 % of the bandwidth;
PyTorch launches an operation in 5 to 10 microseconds (eager), a CUDA graph in 1 to 2.
"""

from typing import Any

COMPUTE = {
    "conv_dense": 0.55, "conv_pointwise": 0.5, "conv_depthwise": 0.1, "conv_grouped": 0.2,
    "linear": 0.6, "matmul": 0.4, "attention": 0.35, "normalisation": 0.5, "softmax": 0.3,
    "reduction": 0.5, "data_movement": 0.5, "elementwise": 0.5,
}  # fmt: skip
VENDOR_LEVELS = (
    "amd", "intel", "amd/vllm", "amd/llama.cpp", "intel/vllm", "intel/llama.cpp",
    "habana/deepspeed", "sambanova/sambaflow",
)  # fmt: skip
"""How mature a vendor's software is, alone and with a framework; NVIDIA's is the reference."""
MEMORY = dict.fromkeys(COMPUTE, 0.75)


CORE_EXPONENTS = {"core_exponent": 0.3, "kernel_core_exponent": 0.5}
"""Not fitted: the published CPU rows are of one CPU with 14 cores. At these values a CPU with two
cores is met as well (scripts/measure_local.py); with more than 14 they are an extrapolation."""


OPERAND_EXPONENT = 0.19
"""Fitted apart, with what TensorRT fuses (scripts/fit_tensorrt.py)."""


def _framework(
    host_us: float, pass_ms: float = 0.0, traffic: float = 1.0, launches: float = 1.0
) -> dict[str, float]:
    return {
        "host_s": host_us * 1e-6,
        "pass_s": pass_ms * 1e-3,
        "level": 1.0,
        "fused_traffic": traffic,
        "fused_launches": launches,
        "sync_s": 2e-5,
    }


EAGER_LAUNCH_US = 22.0
"""Host time of one launch from eager PyTorch, modules and dispatcher included. Tiny tensors take 11
to 13 us a launch on one CPU (scripts/measure_launches.py), to which the driver's call adds; eager
decoding of models of 12 layers, published for an A10G and an A100, takes 25 to 30 us a launch."""


def initial_constants() -> dict[str, Any]:
    """Return the JSON form of `perfpredict.models.efficiency.Constants` before any fit."""
    return {
        "version": "roofline-0",
        "kinds": {
            "gpu": {
                "compute": dict(COMPUTE), "memory": dict(MEMORY), "kernel_s": 2e-6, "norm": 1.5,
                "cache_gain": 1.0, "core_exponent": 0.0, "kernel_core_exponent": 0.0,
                "operand_exponent": OPERAND_EXPONENT,
                "level": {"nhwc": 1.0, "nchw": 1.0, "training": 1.0, "accelerator": 1.0,
                          "soc": 1.0, **dict.fromkeys(VENDOR_LEVELS, 1.0)},
            },
            "cpu": {
                "compute": dict(COMPUTE), "memory": dict(MEMORY), "kernel_s": 3e-6, "norm": 1.5,
                "cache_gain": 2.0, **CORE_EXPONENTS, "operand_exponent": 0.0,
                "level": {"nhwc": 1.0, "nchw": 1.0, "training": 1.0},
            },
        },
        "frameworks": {
            "pytorch": _framework(EAGER_LAUNCH_US),
            "pytorch+compiled": _framework(8.0, traffic=0.4, launches=0.3),
            "transformers": _framework(EAGER_LAUNCH_US, 1.0),
            "vllm": _framework(3.0, 4.0, 0.5, 0.5),
            "tensorrt-llm": _framework(2.0, 0.5, 0.4, 0.4),
            "deepspeed": _framework(4.0, 2.0, 0.6, 0.6),
            "llama.cpp": _framework(3.0, 0.3, 0.6, 0.8),
            "llama.cpp-vulkan": _framework(3.0, 0.3, 0.6, 0.8),
            "sambaflow": _framework(1.0, 1.0, 0.4, 0.4),
            "mlc-llm": _framework(2.0, 0.2, 0.4, 0.4),
            "exllamav2": _framework(4.0, 0.5, 0.6, 0.6),
            "onnxruntime": _framework(4.0, 0.1, 0.5, 0.5),
            "tensorrt": _framework(2.0, 0.05, 0.4, 0.4),
            "openvino": _framework(2.0, 0.1, 0.4, 0.4),
        },
        "quantization": {"awq": 1.3, "gptq": 1.3, "bnb": 3.0, "q4_k_m": 1.0, "mxfp4": 1.0},
        "link_share": 0.1,
        "residual_quantiles": {
            key: [0.4, 0.5, 0.6, 0.75, 0.85, 1.0, 1.3, 1.6, 2.0]
            for key in ("other", "inference", "training", "generation")
        },
    }  # fmt: skip
