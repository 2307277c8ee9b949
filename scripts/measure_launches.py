"""Times what a launch from eager PyTorch costs the host: networks so thin that nothing else counts.

    pip install torch==2.13.0 timm transformers
    python scripts/measure_launches.py

On a CPU, so the kernels' own time (about a microsecond each) is in it and a driver's call is not.
"""

import statistics
import sys
import time
from collections.abc import Callable
from copy import deepcopy
from functools import partial

import torch
from measure_local import declared_torchvision_operators

from perfpredict.catalog.capture.torch_recorder import record_pass

RUNS = 60


def seconds(call: Callable[[], object]) -> float:
    """Return the median time of a call that has been warmed up."""
    for _ in range(10):
        call()
    times = []
    for _ in range(RUNS):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def thin_networks() -> list[tuple[str, torch.nn.Module, torch.Tensor]]:
    """Return networks of usual depth and hardly any width, each with its input."""
    from timm.models.resnet import BasicBlock, ResNet
    from timm.models.vision_transformer import VisionTransformer
    from transformers import BertConfig, BertModel

    image = torch.zeros(1, 3, 32, 32)
    bert = BertConfig(
        hidden_size=16, num_attention_heads=2, intermediate_size=32, num_hidden_layers=12,
        vocab_size=100,
    )  # fmt: skip
    residual = ResNet(BasicBlock, (2, 2, 2, 2), channels=(8, 8, 8, 8), stem_width=8)
    vision = VisionTransformer(img_size=32, patch_size=16, embed_dim=16, depth=12, num_heads=2)
    return [
        ("BERT of 12 layers", BertModel(bert), torch.ones(1, 4, dtype=torch.long)),
        ("vision transformer of 12 layers", vision, image),
        ("ResNet-18", residual, image),
    ]


def main() -> None:
    kept = declared_torchvision_operators()
    torch.set_num_threads(1)
    for name, network, data in thin_networks():
        network.eval()
        with torch.inference_mode():
            taken_s = seconds(partial(network, data))
        launches = record_pass(deepcopy(network).to("meta"), data.to("meta")).profile.op_count
        print(f"{name}: {launches:.0f} launches, {taken_s / launches * 1e6:.1f} us each")
    del kept
    print(f"torch {torch.__version__}", file=sys.stderr)


if __name__ == "__main__":
    main()
