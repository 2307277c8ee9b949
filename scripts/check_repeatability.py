"""Checks that `measure run` says the same twice, and the same as a timing written by hand.

    pip install 'perfpredict[measure]'
    python scripts/check_repeatability.py [--models A,B] [--batch-sizes 1,4,16] [--max-time S]

Runs one sweep twice, each into a database of its own, then times the same models with some lines of
plain PyTorch, and prints a Markdown table. Two results agree where the ranges from their 10th to
their 90th percentile have times in common. Runs whose threads waited for cores agree with nothing
and are not counted. The exit code is 4 where fewer than nine in ten agree.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from measure_local import declared_torchvision_operators

MODELS = (
    "resnet18,resnet50,mobilenetv3_large_100,vit_small_patch16_224,bert-base-uncased,"
    "distilbert-base-uncased,gpt2"
)
TOKENS = 128
CONTENDED = "contended"
FEWEST_RUNS = 5
WARMUP_RUNS = 3
LEAST_AGREEMENT = 0.9

Run = Callable[[], object]
Key = tuple[str, int, str | None]
"""Model, batch size and phase."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """What one way to measure says of one workload."""

    median_ms: float
    p10_ms: float
    p90_ms: float
    is_contended: bool = False

    def agrees(self, other: "Timed") -> bool:
        """Return whether the two ranges have times in common."""
        return self.p10_ms <= other.p90_ms and other.p10_ms <= self.p90_ms

    def __str__(self) -> str:
        return f"{self.median_ms:.4g} ({self.p10_ms:.4g} to {self.p90_ms:.4g})"


def sweep(options: Sequence[str]) -> dict[Key, Timed]:
    """Return what one call of `measure run` says, by workload."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "perfpredict", "--db", str(Path(folder) / "check.duckdb")]
        done = subprocess.run(
            [*command, "measure", "run", *options, "--hardware", "cpu", "--json"],
            stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
    return {
        (row["model"], row["batch_size"], row["phase"]): _timed(row)
        for row in json.loads(done.stdout)
    }


def _timed(row: dict[str, Any]) -> Timed:  # Any: a row of JSON
    return Timed(
        median_ms=row["latency_ms"],
        p10_ms=row["latency_p10_ms"],
        p90_ms=row["latency_p90_ms"],
        is_contended=CONTENDED in row["note"].split(", "),
    )


def by_hand(key: Key, seconds: float) -> Timed:
    """Return what a plain loop around PyTorch says of a workload, in a process of its own.

    In a process that has run a larger model before, memory stays mapped that a fresh one maps anew
    in every run: mobilenetv3 at batch 4 takes 31 ms there and 38 ms here.
    """
    model, batch_size, phase = key
    words = ["--one", model, str(batch_size), phase or "", "--max-time", str(seconds)]
    done = subprocess.run(
        [sys.executable, __file__, *words], stdout=subprocess.PIPE, text=True, check=True
    )
    return Timed(**json.loads(done.stdout))


def timed_here(key: Key, seconds: float) -> Timed:
    """Return the same, timed in this process."""
    run = _run(*key)
    for _ in range(WARMUP_RUNS):
        run()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < FEWEST_RUNS or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        times.append((time.perf_counter() - start) * 1e3)
    tenths = statistics.quantiles(times, n=10, method="inclusive")
    return Timed(median_ms=statistics.median(times), p10_ms=tenths[0], p90_ms=tenths[-1])


def _run(model: str, batch_size: int, phase: str | None) -> Run:
    if phase is not None:
        return _generation(batch_size, phase)
    if model.startswith(("bert", "distilbert")):
        return _encoder(model, batch_size)
    import timm

    network = timm.create_model(model.replace("-", "_"), pretrained=False).eval()
    images = torch.randn(batch_size, 3, 224, 224)
    return lambda: network(images)


def _encoder(model: str, batch_size: int) -> Run:
    from transformers import BertConfig, BertModel, DistilBertConfig, DistilBertModel

    is_bert = model.startswith("bert")
    network = BertModel(BertConfig()) if is_bert else DistilBertModel(DistilBertConfig())
    network.eval()
    tokens = torch.randint(0, network.config.vocab_size, (batch_size, TOKENS))
    mask = torch.ones_like(tokens)
    return lambda: network(input_ids=tokens, attention_mask=mask)


def _generation(batch_size: int, phase: str) -> Run:
    from transformers import GPT2Config, GPT2LMHeadModel

    network = GPT2LMHeadModel(GPT2Config()).eval()
    tokens = torch.randint(0, network.config.vocab_size, (batch_size, TOKENS))
    if phase == "prefill":
        return lambda: network(tokens, use_cache=True, logits_to_keep=1)
    cache = network(tokens, use_cache=True).past_key_values
    token = tokens[:, :1]

    def step() -> None:
        network(token, past_key_values=cache, use_cache=True)
        cache.crop(-1)  # a negative number takes tokens off

    return step


def report(rows: Sequence[tuple[Key, Timed, Timed, Timed]]) -> bool:
    """Print the table and a line on each comparison, and return whether enough agree."""
    head = ("model", "batch", "phase", "first ms", "second ms", "by hand ms", "agree", "by hand")
    print(f"| {' | '.join(head)} |\n|{' --- |' * len(head)}")
    for (model, batch_size, phase), first, second, hand in rows:
        cells = (model, batch_size, phase or "", first, second, hand,
                 _verdict(first, second), _verdict(first, hand))  # fmt: skip
        print(f"| {' | '.join(map(str, cells))} |")
    shares = [
        _share("two sweeps", [(first, second) for _, first, second, _ in rows]),
        _share("first sweep and by hand", [(first, hand) for _, first, _, hand in rows]),
    ]
    return min(shares) >= LEAST_AGREEMENT


def _verdict(one: Timed, other: Timed) -> str:
    if one.is_contended or other.is_contended:
        return "contended"
    return "yes" if one.agrees(other) else "no"


def _share(title: str, pairs: Sequence[tuple[Timed, Timed]]) -> float:
    fair = [(a, b) for a, b in pairs if not (a.is_contended or b.is_contended)]
    if not fair:
        print(f"{title}: every run was contended")
        return 0.0
    agreeing = sum(a.agrees(b) for a, b in fair)
    apart = statistics.median(abs(b.median_ms / a.median_ms - 1.0) for a, b in fair)
    print(
        f"{title}: {agreeing} of {len(fair)} agree, their medians are {apart:.1%} apart "
        f"(median); {len(pairs) - len(fair)} contended"
    )
    return agreeing / len(fair)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--models", default=MODELS)
    parser.add_argument("--batch-sizes", default="1,4,16")
    parser.add_argument("--max-time", type=float, default=10.0, help="seconds a measurement")
    parser.add_argument("--one", nargs=3, metavar=("MODEL", "BATCH", "PHASE"), help="by hand")
    arguments = parser.parse_args()
    if arguments.one:
        model, batch_size, phase = arguments.one
        _library = declared_torchvision_operators()
        with torch.no_grad():  # as measure run does; inference mode is some percent faster
            timed = timed_here((model, int(batch_size), phase or None), arguments.max_time)
        print(json.dumps(asdict(timed)))
        return 0
    limits = ["--max-time", str(arguments.max_time)]
    options = [arguments.models, "--batch-size", arguments.batch_sizes, *limits]
    first, second = sweep(options), sweep(options)
    rows = [
        (key, one, second[key], by_hand(key, arguments.max_time / 2)) for key, one in first.items()
    ]
    return 0 if report(rows) else 4


if __name__ == "__main__":
    sys.exit(main())
