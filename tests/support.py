"""Real parts for tests: a receiver as a process, and patience with a deadline."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx
import psutil

from receiver.store.embedded import find_mongod

SAMPLES = Path(__file__).parent / "samples"
TOKEN = "test-token-with-every-role"
DEADLINE_SECONDS = 20.0
ADDRESS = re.compile(r"listens on (http://\S+)")


def sample(name: str) -> bytes:
    """Return the bytes of ``tests/samples/NAME.json``."""
    return (SAMPLES / f"{name}.json").read_bytes()


def payload(**changes: Any) -> dict[str, Any]:
    """Return a small valid snapshot, with changes at its root; a change to ``...`` leaves the field out."""
    whole: dict[str, Any] = {
        "timestamp": "2026-01-15T10:30:00.000000Z",
        "system": "laravel_app",
        "telescope": {"total_entries": 3, "recent_entries": 0, "entry_types": {}, "recent_entries_data": []},
        "pulse": {"total_entries": 0, "recent_entries": 0, "entry_types": [], "recent_entries_data": []},
        "server_info": {"php_version": "8.2.0", "laravel_version": "10.0.0", "memory_usage": 1, "peak_memory": 2},
    }
    whole.update(changes)
    return {name: value for name, value in whole.items() if value is not ...}


def eventually(condition: Callable[[], Any], seconds: float = DEADLINE_SECONDS) -> Any:
    """Poll until the condition returns something true, and return that; AssertionError when it does not in time."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return result


def free_port() -> int:
    """Find a port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def mongod(folder: Path, database: str = "monitoring") -> Iterator[str]:
    """Run an embedded MongoDB beside the tests and lend its address."""
    command = [sys.executable, "-m", "tests.mongod", str(folder), database]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdin
        yield process.stdout.readline().strip()
        process.stdin.close()


@contextmanager
def bare_mongod(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a MongoDB without users on a port, so that it can be stopped, hung and started again at will."""
    folder.mkdir(exist_ok=True)
    command = [find_mongod(), "--dbpath", folder, "--port", str(port), "--bind_ip", "127.0.0.1", "--nounixsocket"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            process.terminate()


class Receiver:
    """``receiver serve`` as a process of its own, on a free port, in a folder of its own.

    Args:
        folder: working directory; the data directory is ``.receiver`` in it.
        command: what to run, with its options.
        environment: further RECEIVER_ variables; a value of None leaves the variable out.
    """

    def __init__(self, folder: Path, command: tuple[str, ...] = ("serve",), **environment: str | None) -> None:
        self.folder = folder
        self.command = command
        self.environment = {"RECEIVER_TOKEN": TOKEN, "RECEIVER_PORT": "0", **environment}
        self.output = folder / "stdout.txt"
        self.log = folder / "stderr.txt"
        self.process: subprocess.Popen[bytes] | None = None
        # Like PHP, a new connection for each request.
        self.client = httpx.Client(timeout=30, limits=httpx.Limits(max_keepalive_connections=0))
        self.address = ""

    def start(self) -> Self:
        """Start it and wait until it says where it listens."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("RECEIVER_")}
        given = {name: value for name, value in self.environment.items() if value is not None}
        with self.output.open("wb") as output, self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "receiver", *self.command],
                cwd=self.folder,
                env={**inherited, **given, "PYTHONUNBUFFERED": "1"},
                stdout=output,
                stderr=log,
            )
        self.address = eventually(self._announced)
        return self

    def _announced(self) -> str:
        assert self.process
        assert self.process.poll() is None, f"it did not start: {self.log.read_text()}"
        found = ADDRESS.search(self.output.read_text())
        return found[1] if found else ""

    def stop(self) -> int:
        """Send SIGTERM and return the exit code."""
        assert self.process
        self.process.terminate()
        return self.process.wait(DEADLINE_SECONDS)

    def kill(self) -> None:
        """Kill -9 the parent process, and wait until its workers have gone too."""
        assert self.process
        workers = self.workers()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(DEADLINE_SECONDS)
        _, alive = psutil.wait_procs(workers, DEADLINE_SECONDS)
        assert not alive, "a worker outlived its supervisor"

    def workers(self) -> list[psutil.Process]:
        """List the worker processes."""
        assert self.process
        children = psutil.Process(self.process.pid).children()
        return [child for child in children if child.name() != "mongod"]

    def mongod(self) -> psutil.Process:
        """Return the embedded MongoDB's process."""
        assert self.process
        return next(child for child in psutil.Process(self.process.pid).children() if child.name() == "mongod")

    def post(self, body: bytes | dict[str, Any], **headers: str) -> httpx.Response:
        """Post a snapshot with the test token; headers are given with _ for -, and an empty one is left out."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        whole = {"content-type": "application/json", "x-api-token": TOKEN}
        whole.update({name.replace("_", "-"): value for name, value in headers.items()})
        sent = {name: value for name, value in whole.items() if value}
        return self.client.post(f"{self.address}/api/monitoring", content=content, headers=sent)

    def get(self, path: str) -> httpx.Response:
        """Get a path."""
        return self.client.get(self.address + path)

    def log_lines(self) -> list[dict[str, Any]]:
        """Return what it has logged, as far as the lines are whole."""
        lines = self.log.read_text().rpartition("\n")[0].splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def connect(self) -> socket.socket:
        """Open a bare connection, for what no client library would send."""
        url = httpx.URL(self.address)
        connection = socket.create_connection((url.host, url.port or 80), timeout=DEADLINE_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def __enter__(self) -> Self:
        return self if self.process and self.process.poll() is None else self.start()

    def __exit__(self, *_: object) -> None:
        self.client.close()
        if self.process and self.process.poll() is None:
            self.stop()
