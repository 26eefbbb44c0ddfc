"""CPU per snapshot, the receiver beside the straightforward way, on the same MongoDB with the same bodies.

``python -m tests.benchmarks.ingest [SNAPSHOTS]``. Absolute times depend on the machine; the ratios are what counts.
"""

import concurrent.futures
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from tests.support import TOKEN, Receiver, eventually, free_port, mongod, sample

SENDERS = 8
WARM_UP = 50
ROUNDS = 3
HEADERS = {"content-type": "application/json", "x-api-token": TOKEN}
TEMPLATE = sample("sender-busy")  # 50 + 50 entries
STAMP = b"2026-11-22T07:08:10.295849Z"


@dataclass(frozen=True)
class Contender:
    """One of those compared.

    Args:
        name: for the table.
        address: where it listens.
        process: that answers, for its CPU time.
    """

    name: str
    address: str
    process: psutil.Process


@dataclass(frozen=True)
class Figures:
    """What one round cost, in milliseconds per snapshot; ``memory_mb`` is the server's resident memory after it."""

    server_ms: float
    mongod_ms: float
    wall_ms: float
    memory_mb: float


def bodies() -> Iterator[bytes]:
    """Yield bodies that differ in their timestamps."""
    number = 0
    while True:
        number += 1
        stamp = f"2026-11-22T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}.{number:06}Z"
        yield TEMPLATE.replace(STAMP, stamp.encode(), 1)


def cpu_seconds(process: psutil.Process) -> float:
    """Return the CPU time of a process, from the operating system's own accounting."""
    times = process.cpu_times()
    return float(times.user + times.system)


def post_all(address: str, count: int, source: Iterator[bytes]) -> None:
    """Post so many bodies from a few senders at once; a refused one ends the benchmark."""
    batch = [next(source) for _ in range(count)]
    with httpx.Client(timeout=60) as client, concurrent.futures.ThreadPoolExecutor(SENDERS) as pool:

        def post(body: bytes) -> None:
            client.post(f"{address}/api/monitoring", content=body, headers=HEADERS).raise_for_status()

        list(pool.map(post, batch))


def measure(contender: Contender, server: psutil.Process, count: int, source: Iterator[bytes]) -> Figures:
    """Post and see what it cost."""
    before = cpu_seconds(contender.process), cpu_seconds(server), time.perf_counter()
    post_all(contender.address, count, source)
    after = cpu_seconds(contender.process), cpu_seconds(server), time.perf_counter()
    spent = [1000 * (end - start) / count for start, end in zip(before, after, strict=True)]
    return Figures(*spent, contender.process.memory_info().rss / 2**20)


@contextmanager
def straightforward(uri: str) -> Iterator[Contender]:
    """Run the straightforward application."""
    port = free_port()
    command = [sys.executable, "-m", "tests.benchmarks.straightforward", uri, "straightforward", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        address = f"http://127.0.0.1:{port}"
        eventually(answers(address))
        yield Contender("straightforward Quart", address, psutil.Process(process.pid))
        process.terminate()


def answers(address: str) -> Callable[[], bool]:
    """Return a check whether somebody listens there."""

    def check() -> bool:
        try:
            httpx.get(address)
        except httpx.HTTPError:
            return False
        return True

    return check


def main(count: int) -> None:
    """Compare, round by round in turn, and print the medians and ratios."""
    with tempfile.TemporaryDirectory() as name, mongod(Path(name) / "mongod", "receiver") as uri:
        server = next(
            p for p in psutil.process_iter(["name", "cmdline"]) if str(Path(name)) in " ".join(p.cmdline()[:3])
        )
        folder = Path(name) / "receiver"
        folder.mkdir()
        receiver = Receiver(folder, RECEIVER_MONGODB_URI=uri, RECEIVER_DATABASE="receiver")
        with receiver, straightforward(uri) as other:
            ours = Contender("receiver", receiver.address, receiver.workers()[0])
            source = bodies()
            for contender in (ours, other):
                post_all(contender.address, WARM_UP, source)
            rounds: dict[str, list[Figures]] = {ours.name: [], other.name: []}
            for _ in range(ROUNDS):
                for contender in (ours, other):
                    rounds[contender.name].append(measure(contender, server, count, source))
    report(count, rounds)


def median(values: list[float]) -> float:
    """Return the middle value."""
    return sorted(values)[len(values) // 2]


def report(count: int, rounds: dict[str, list[Figures]]) -> None:
    """Print the table."""
    say(f"{ROUNDS} rounds of {count} snapshots, 50 + 50 entries, {len(TEMPLATE)} bytes, {SENDERS} senders; medians")
    say(f"{'':24}{'server ms':>12}{'mongod ms':>12}{'wall ms':>12}{'memory MB':>12}")
    totals = {}
    for name, figures in rounds.items():
        row = [median([getattr(f, column) for f in figures]) for column in Figures.__dataclass_fields__]
        totals[name] = row[0] + row[1]
        say(f"{name:24}" + "".join(f"{value:12.2f}" for value in row))
    ours, other = totals.values()
    say(f"server + mongod CPU, receiver / straightforward: {ours / other:.2f}")


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
