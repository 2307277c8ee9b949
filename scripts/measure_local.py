"""Times real PyTorch models on this machine's CPU and compares them with what is predicted.

    pip install torch==2.13.0 timm transformers
    python scripts/measure_local.py [--batch-sizes 1,4,16] [--seconds 3] [--csv local.csv]

Weights are random (speed does not depend on them); nothing is downloaded. Each workload runs a
warm-up, then until `--seconds` have passed and at least five runs are done; the median counts.
The exit code is 4 where a prediction is off by more than a factor of two.
"""

import argparse
import csv
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from perfpredict.catalog.detect import detect
from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.domain.workload import Workload
from perfpredict.models.roofline import RooflinePredictor
from perfpredict.services.engine import Engine

IMAGE_MODELS = {
    "resnet18": "resnet18",
    "resnet50": "resnet50",
    "mobilenetv3": "mobilenetv3_large_100",
    "vit-small": "vit_small_patch16_224",
}
TEXT_TOKENS = 128
Run = Callable[[], object]


def declared_torchvision_operators() -> object:
    """Let timm import torchvision where its compiled part does not fit the installed torch.

    The operators live as long as the library that is returned.
    """
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


def image_run(architecture: str, batch_size: int) -> Run:
    import timm

    model = timm.create_model(architecture, pretrained=False).eval()
    images = torch.randn(batch_size, 3, 224, 224)
    return lambda: model(images)


def text_run(model: torch.nn.Module, vocab_size: int, batch_size: int) -> Run:
    tokens = torch.randint(0, vocab_size, (batch_size, TEXT_TOKENS))
    mask = torch.ones_like(tokens)
    return lambda: model(input_ids=tokens, attention_mask=mask)


def runs(batch_size: int) -> dict[str, Run]:
    from transformers import BertConfig, BertModel, DistilBertConfig, DistilBertModel

    bert, distilbert = BertConfig(), DistilBertConfig()
    found = {name: image_run(arch, batch_size) for name, arch in IMAGE_MODELS.items()}
    found["bert-base-uncased"] = text_run(BertModel(bert).eval(), bert.vocab_size, batch_size)
    found["distilbert-base-uncased"] = text_run(
        DistilBertModel(distilbert).eval(), distilbert.vocab_size, batch_size
    )
    return found


def median_latency_ms(run: Run, seconds: float) -> tuple[float, int]:
    """Return the median time of a run in ms, and how many runs it is the median of."""
    for _ in range(2):
        run()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times), len(times)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-sizes", default="1,4,16")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--csv", type=Path)
    arguments = parser.parse_args()
    torch.set_grad_enabled(False)
    _library = declared_torchvision_operators()
    detected = [found.device for found in detect() if found.device is not None]
    engine = Engine(
        devices=DeviceCatalog(detected=detected),
        predictor=RooflinePredictor(),
        fallback=RooflinePredictor(),
    )
    hardware = engine.resolve_devices(["cpu"])
    rows: list[dict[str, object]] = []
    worst = 1.0
    print(f"{'model':26s} batch measured_ms predicted_ms measured/predicted runs")
    for batch_size in (int(text) for text in arguments.batch_sizes.split(",")):
        for name, run in runs(batch_size).items():
            measured_ms, count = median_latency_ms(run, arguments.seconds)
            workload = Workload(model=name, batch_size=batch_size)
            (prediction,) = engine.predict(workload, hardware)
            assert prediction.latency_ms is not None
            ratio = measured_ms / prediction.latency_ms.value
            worst = max(worst, ratio, 1.0 / ratio)
            print(
                f"{name:26s} {batch_size:5d} {measured_ms:11.2f} "
                f"{prediction.latency_ms.value:12.2f} {ratio:18.2f} {count:4d}",
                flush=True,
            )
            rows.append(
                {
                    "model": prediction.workload.model,
                    "hardware": hardware[0].device.name,
                    "batch_size": batch_size,
                    "precision": "fp32",
                    "framework": "pytorch",
                    "latency_ms": measured_ms,
                    "predicted_ms": prediction.latency_ms.value,
                    "throughput": batch_size / measured_ms * 1e3,
                    "runs": count,
                }
            )
    print(f"worst factor: {worst:.2f}")
    if arguments.csv:
        with arguments.csv.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return 0 if worst <= 2.0 else 4


if __name__ == "__main__":
    sys.exit(main())
