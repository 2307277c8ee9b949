"""SGLang's `bench_serving`: one run a line; the server says of itself what it runs."""

from collections.abc import Iterator

from perfpredict.importers.presets.foreign import ForeignFile, Json
from perfpredict.importers.presets.row import Row
from perfpredict.importers.presets.serving import serving_rows
from perfpredict.importers.presets.translating import translate
from perfpredict.importers.presets.values import group, text, whole

_MARKS = {"output_throughput", "median_e2e_latency_ms", "completed"}
_SERVERS = {"trt": "tensorrt-llm"}
_UNSAID = {"auto", "unknown"}


def recognises(file: ForeignFile) -> bool:
    """Return whether the keys are those of bench_serving."""
    return set(file.first) >= _MARKS


def rows(file: ForeignFile) -> Iterator[Row]:
    """Yield the rows of every run."""
    yield from translate(file.documents(), _rows)


def _rows(line: int, run: Json) -> Iterator[Row]:
    server = group(run, "server_info")
    known = Row(
        line=line,
        model=text(server, "model_path") or text(run, "model_id"),
        precision=_said(text(server, "dtype")),
        quantization=text(server, "quantization"),
        framework=_server(text(run, "backend")),
        framework_version=text(server, "version"),
        device_count=whole(server, "tp_size"),
    )
    yield from serving_rows(run, known, tool="sglang bench_serving", latency="e2e_latency")


def _server(backend: str | None) -> str | None:
    """Return what answered: the client can drive other servers, and names their protocol."""
    if backend is None or backend.startswith("sglang"):
        return None if backend is None else "sglang"
    return _SERVERS.get(backend, backend.removesuffix("-chat"))


def _said(text: str | None) -> str | None:
    return None if text is None or text.casefold() in _UNSAID else text
