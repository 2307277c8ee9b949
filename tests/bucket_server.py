"""An S3 server of the tests' own on loopback, for one session."""

import importlib.util
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from urllib.error import URLError

import pytest

from .team_server import absent

SECRET = "b0cket-secret-word"


class BucketServer:
    """A running server with one bucket named `bench`."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.environment = {
            "AWS_ACCESS_KEY_ID": "tester",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_ENDPOINT_URL": self.url,
        }

    def ask(self, path: str, method: str = "GET") -> str:
        """Return what the server itself says, without DuckDB in between."""
        request = urllib.request.Request(
            self.url + path, method=method,
            # which service is meant stands in the signature, which nobody checks here
            headers={"Authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/a"},
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read().decode()


@pytest.fixture(scope="session")
def bucket_server() -> Iterator[BucketServer]:
    """Yield a running server; skips, saying why, where there is none to be had."""
    if importlib.util.find_spec("moto") is None:
        absent("no S3 server is installed (pip install 'moto[server,s3]')")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    server = BucketServer(port)
    try:
        _wait_until_up(server, process)
        server.ask("/bench", method="PUT")
        yield server
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_until_up(server: BucketServer, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            server.ask("/moto-api/data.json")
        except URLError:
            assert process.poll() is None, "the S3 server ended"
            assert time.monotonic() < deadline, "the S3 server did not come up"
            time.sleep(0.05)
        else:
            return
