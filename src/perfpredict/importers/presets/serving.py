"""What the serving benchmarks of vLLM and SGLang have in common: one run, seen by the client.

The requests in flight are the batch, since such servers compute them together. Throughput is that
of output tokens. Times to the first token and per token are those of a prefill and of a decode
step only where one request runs alone; under load they are kept in the environment.
"""

from collections.abc import Iterator
from dataclasses import replace

from perfpredict.errors import InvalidInputError
from perfpredict.importers.presets.foreign import Json
from perfpredict.importers.presets.row import Row, environment
from perfpredict.importers.presets.values import number, text, whole

DEFINITION = "client side; output tokens only; requests in flight are the batch"

_ENDLESS = {"inf", "infinity"}
_MS_PER_S = 1e3


def serving_rows(run: Json, known: Row, *, tool: str, latency: str) -> Iterator[Row]:
    """Yield the end-to-end row of a run, and prefill and decode where one request ran alone.

    `latency` is the tool's word for end-to-end latency; `known` holds line, model, hardware,
    precision, framework, devices and time as the tool says them.
    """
    completed = whole(run, "completed")
    if not completed:
        raise InvalidInputError("completed: no request was completed")
    row = replace(
        known,
        phase="generate",
        input_tokens=_per_request(run, "total_input_tokens", completed),
        output_tokens=_per_request(run, "total_output_tokens", completed),
        runs=completed,
        throughput=number(run, "output_throughput"),
        throughput_unit="tokens/s",
        environment=_facts(run, tool),
    )
    row = _with_latency(row, run, latency)
    row = _with_load(row, run, latency)
    yield row
    if row.batch_size == 1 and row.load == "closed":
        yield from alone(row, run)


def alone(row: Row, run: Json) -> Iterator[Row]:
    """Yield the prefill and the decode step of a request that nothing else ran beside."""
    bare = replace(row, throughput=None, throughput_unit=None, output_tokens=None)
    first = _with_latency(replace(bare, phase="prefill"), run, "ttft")
    if first.latency_ms is not None:
        yield first
    length = middle_of_answer(row.input_tokens, row.output_tokens)
    step = replace(bare, phase="decode", input_tokens=None, sequence_length=length)
    step = _with_latency(step, run, "tpot")
    if step.latency_ms is not None:
        yield step


def middle_of_answer(input_tokens: int | None, output_tokens: int | None) -> int | None:
    """Return the tokens in the cache when half of the answer is there, which is the mean step."""
    if input_tokens is None or output_tokens is None:
        return None
    return input_tokens + max(output_tokens // 2, 1)


def _with_latency(row: Row, run: Json, name: str) -> Row:
    return replace(
        row,
        latency_ms=number(run, f"median_{name}_ms"),
        latency_p90_ms=number(run, f"p90_{name}_ms"),
        latency_p99_ms=number(run, f"p99_{name}_ms"),
    )


def _with_load(row: Row, run: Json, latency: str) -> Row:
    """Fill batch and load: closed where a number of requests is kept in flight, else open.

    In an open loop the mean number in flight is rate x mean latency (Little's law).
    """
    is_paced = (text(run, "request_rate") or "inf").casefold() not in _ENDLESS
    limit = whole(run, "max_concurrency")
    if limit is not None and not is_paced:
        prompts = whole(run, "num_prompts") or row.runs or limit
        return replace(row, batch_size=min(limit, prompts), load="closed")
    rate, mean = number(run, "request_throughput"), _mean_latency(run, latency, row)
    if rate is None or mean is None:
        return replace(row, load="open")
    in_flight = max(round(rate * mean / _MS_PER_S), 1)
    note = "batch size is the mean number of requests in flight: rate x mean latency"
    return replace(row, batch_size=in_flight, load="open", note=note)


def _mean_latency(run: Json, latency: str, row: Row) -> float | None:
    """Return the mean time of a request in ms, from first token and steps where it is not there."""
    mean = number(run, f"mean_{latency}_ms")
    first, step = number(run, "mean_ttft_ms"), number(run, "mean_tpot_ms")
    if mean is not None or first is None or step is None or row.output_tokens is None:
        return mean
    return first + step * (row.output_tokens - 1)


def _per_request(run: Json, key: str, completed: int) -> int | None:
    total = number(run, key)
    return None if not total else max(round(total / completed), 1)


def _facts(run: Json, tool: str) -> str:
    names = [f"{kind}_{name}_ms" for name in ("ttft", "tpot", "itl")
             for kind in ("mean", "median", "p90", "p99")]  # fmt: skip
    times = {name: number(run, name) for name in names}
    loads = {name: text(run, name) for name in ("request_rate", "max_concurrency", "burstiness")}
    return environment(
        tool=tool, definition=DEFINITION, failed=text(run, "failed"),
        total_token_throughput=number(run, "total_token_throughput"), **loads, **times,
    )  # fmt: skip
