"""A small data set of MNIST's form, and loopback mirrors that serve it well or badly."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from .samples import idx_bytes

#: What a mirror answers to the path of a request: status, body, announced length.
Answer = Callable[[str], tuple[int, bytes, int | None]]


@pytest.fixture(scope="session")
def small_mnist() -> dict[str, NDArray[np.uint8]]:
    """Arrays under MNIST's file names: 30 training and 10 test images."""
    rng = np.random.default_rng(0)
    return {
        "train-images-idx3-ubyte": rng.integers(0, 256, (30, 28, 28), np.uint8),
        "train-labels-idx1-ubyte": rng.integers(0, 10, 30, np.uint8),
        "t10k-images-idx3-ubyte": rng.integers(0, 256, (10, 28, 28), np.uint8),
        "t10k-labels-idx1-ubyte": rng.integers(0, 10, 10, np.uint8),
    }


@pytest.fixture
def put(small_mnist: dict[str, NDArray[np.uint8]]) -> Callable[..., None]:
    """Write the small set into a folder: `put(folder, gz=…, dot=…)`."""

    def write(folder: Path, gz: bool = False, dot: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, array in small_mnist.items():
            spelling = name.replace("-idx", ".idx") if dot else name
            content = idx_bytes(array)
            path = folder / (spelling + ".gz" * gz)
            path.write_bytes(gzip.compress(content) if gz else content)

    return write


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Empty NNACCEL_DATA and NNACCEL_CACHE, and no proxy before the loopback."""
    data, cache = tmp_path / "data", tmp_path / "cache"
    data.mkdir()
    monkeypatch.setenv("NNACCEL_DATA", str(data))
    monkeypatch.setenv("NNACCEL_CACHE", str(cache))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return data, cache


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], str]]:
    """Start a mirror on the loopback: `url = serve(answer)`."""
    servers = []

    def start(answer: Answer) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body, length = answer(self.path.lstrip("/"))
                self.send_response(status)
                if length is not None:
                    self.send_header("Content-Length", str(length))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, request: object, client_address: object) -> None:
                pass  # a client that hangs up on purpose

        server = Server(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()
