"""Trees fitted by the workers of a Dask cluster, each on its share of the rows.

Dask places one fit on each worker; LightGBM's own data-parallel learner joins them over TCP.
"""

import socket
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from perfpredict.errors import CannotAnswerError, MissingExtraError, StoreUnusableError
from perfpredict.models.feature_parts import FeaturePart, fit_share
from perfpredict.models.learners import TreeLearner

if TYPE_CHECKING:
    from distributed import Client, Future

_CONNECT_TIMEOUT_S = 30
_LOOK_EVERY_S = 0.5
_JOIN_TIMEOUT_MIN = 60
"""How long workers wait for the slowest of them."""


def fit_on_workers(address: str, parts: Sequence[FeaturePart], *, seed: int) -> TreeLearner:
    """Return trees fitted by the workers of the scheduler at `address`.

    All workers must see the files of `parts` under the same path. Raises MissingExtraError,
    CannotAnswerError where there is no scheduler or worker, StoreUnusableError where one is lost.
    """
    try:
        from distributed import Client
    except ModuleNotFoundError as exc:
        raise MissingExtraError(
            "training on a cluster needs Dask", hint="pip install 'perfpredict[distributed]'"
        ) from exc
    try:
        client = Client(address, timeout=_CONNECT_TIMEOUT_S, set_as_default=False)
    except (OSError, ValueError) as exc:
        raise CannotAnswerError(f"no Dask scheduler answers at '{address}'") from exc
    with client:
        workers = sorted(client.nthreads())[: len(parts)]
        if not workers:
            raise CannotAnswerError(f"the Dask scheduler at '{address}' has no workers")
        return TreeLearner.from_text(_fit_together(client, workers, parts, seed))


def _fit_together(
    client: "Client", workers: Sequence[str], parts: Sequence[FeaturePart], seed: int
) -> str:
    ports = client.run(free_port, workers=list(workers))
    machines = ",".join(f"{urlsplit(one).hostname}:{ports[one]}" for one in workers)
    shared = {
        "tree_learner": "data", "pre_partition": True, "machines": machines,
        "num_machines": len(workers), "time_out": _JOIN_TIMEOUT_MIN,
    }  # fmt: skip
    futures = [
        client.submit(
            fit_share, parts[place :: len(workers)], parts, seed=seed,
            more={**shared, "local_listen_port": ports[worker]} if len(workers) > 1 else {},
            workers=[worker], allow_other_workers=False, pure=False, retries=0,
        )
        for place, worker in enumerate(workers)
    ]  # fmt: skip
    _wait_for_all(client, workers, futures)
    return str(futures[0].result())


def _wait_for_all(client: "Client", workers: Sequence[str], futures: Sequence["Future"]) -> None:
    while True:
        failed = next((future for future in futures if future.status == "error"), None)
        if failed is not None:
            raise StoreUnusableError(f"training failed on a Dask worker: {failed.exception()}")
        if all(future.status == "finished" for future in futures):
            return
        # a fit waits for ever for the place of a worker that is gone
        lost = sorted(set(workers) - set(client.nthreads()))
        if lost:
            raise StoreUnusableError(
                f"lost the Dask worker at '{lost[0]}' while it was training",
                hint="the other workers must be restarted; then repeat the command",
            )
        time.sleep(_LOOK_EVERY_S)


def free_port() -> int:
    """Return a TCP port of this machine that nobody listens on."""
    with socket.socket() as one:
        one.bind(("", 0))
        return int(one.getsockname()[1])
