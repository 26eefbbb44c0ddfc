"""What a long history costs: snapshots of weeks are loaded, then rates are read and rolled up.

``python -m tests.benchmarks.history --snapshots 100000`` takes about ten minutes. ``--keep FOLDER`` leaves
the database there for another look, and goes on with it the next time.
"""

import argparse
import collections
import contextlib
import multiprocessing
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import msgspec
import psutil
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from receiver.intake.rollup import cut, spans_told
from receiver.pipelines.rates import minutes, roll_up
from receiver.pipelines.stages import floor_minute
from receiver.simulator import APPLICATIONS, Application, take_snapshot
from tests.loading import build
from tests.support import TOKEN, Receiver, eventually, mongod

DATABASE = "monitoring"
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
REQUESTS = 200
ROLL_UPS = 300
SYSTEMS = 200
SENDERS = 8

Documents = Database[dict[str, Any]]
Task = tuple[str, Application, datetime, datetime]


def main() -> None:
    """Load what is missing, measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--snapshots", type=int, default=6000, help="how many there are to be, of three systems")
    parser.add_argument("--keep", type=Path, help="folder for the database")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(exist_ok=True)
        uri = stack.enter_context(mongod(folder / "mongod", DATABASE))
        settings = {"RECEIVER_MONGODB_URI": uri, "RECEIVER_DATABASE": DATABASE}
        receiver = stack.enter_context(Receiver(folder, **settings))
        database = stack.enter_context(MongoClient[dict[str, Any]](uri, tz_aware=True))[DATABASE]
        end = load_history(uri, database, options.snapshots)
        measure(receiver, database, end)


def load_history(uri: str, database: Documents, snapshots: int) -> datetime:
    """Load a snapshot a minute of each system, up to now, unless they are there; return when they end."""
    newest = database["snapshots"].find_one({"system": APPLICATIONS[0].name}, sort=[("timestamp", -1)])
    if newest is not None:
        return floor_minute(newest["timestamp"]) + MINUTE
    end = floor_minute(datetime.now(UTC))
    start = end - snapshots // len(APPLICATIONS) * MINUTE
    spans = [(one, min(one + DAY, end)) for one in days(start, end)]
    tasks = [(uri, application, *span) for span in spans for application in APPLICATIONS]
    with multiprocessing.Pool(2) as pool:
        done = pool.imap_unordered(load_day, tasks)
        with click.progressbar(done, length=len(tasks), label=f"{snapshots} snapshots") as progress:
            collections.deque(progress, maxlen=0)
    return end


def days(start: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the starts of the days of a span."""
    while start < end:
        yield start
        start += DAY


def load_day(task: Task) -> None:
    """Load and roll up one day of one system."""
    uri, application, start, end = task
    with MongoClient[dict[str, Any]](uri, tz_aware=True) as client:
        database = client[DATABASE]
        seen: collections.deque[str] = collections.deque(maxlen=2000)  # the rows of the snapshots just before
        for number in range((end - start) // MINUTE):
            moment = start + number * MINUTE
            snapshot = build(msgspec.json.encode(take_snapshot(application, moment)))
            database["snapshots"].insert_one(snapshot.encoded)
            insert_new(database, [row for row in snapshot.rows if row["_id"] not in seen])
            seen.extend(row["_id"] for row in snapshot.rows)
            if snapshot.timestamp + MINUTE >= end or number == 0:
                see(database, application.name, snapshot.timestamp)
        for span in cut(start, end):
            database["snapshots"].aggregate(roll_up(application.name, *span))


def insert_new(database: Documents, rows: list[dict[str, Any]]) -> None:
    """Insert rows; the first of a day may be there already."""
    with contextlib.suppress(BulkWriteError):
        if rows:
            database["entries"].insert_many(rows, ordered=False)


def see(database: Documents, system: str, moment: datetime) -> None:
    """Make the document of a system."""
    latest = {"last_seen_at": moment, "last_timestamp": moment}
    database["systems"].update_one({"_id": system}, {"$max": latest, "$min": {"first_seen_at": moment}}, upsert=True)


def measure(receiver: Receiver, database: Documents, end: datetime) -> None:
    """Print what reading and rolling up cost."""
    counts = {name: database[name].estimated_document_count() for name in ("snapshots", "entries", "rates")}
    echo(", ".join(f"{count} {name}" for name, count in counts.items()))
    start = database["snapshots"].find_one(sort=[("timestamp", 1)])["timestamp"]  # type: ignore[index]
    measure_api(receiver, database, start, end)
    measure_roll_up(database, end)
    measure_raw(database, end)
    measure_lag(receiver, database)


def measure_api(receiver: Receiver, database: Documents, start: datetime, end: datetime) -> None:
    """Read 24 h of one system, at different times of the history."""
    chance = random.Random(1)
    latest_start = max(end - DAY, start)

    sizes: list[int] = []

    def read() -> None:
        begin = start + chance.random() * (latest_start - start)
        params = {
            "system": chance.choice(APPLICATIONS).name,
            "from": begin.isoformat(),
            "to": (begin + DAY).isoformat(),
        }
        answer = receiver.client.get(f"{receiver.address}/api/rates", params=params, headers={"x-api-token": TOKEN})
        assert answer.status_code == 200
        sizes.append(len(answer.content))

    timed(read, REQUESTS)  # the receiver's first sweep is over by then
    with profiled(database, "receiver series") as profile:
        times = timed(read, REQUESTS)
    report(f"GET /api/rates, 24 h, {max(sizes) // 1024} KB", times, profile)


def measure_roll_up(database: Documents, end: datetime) -> None:
    """Roll up after a new snapshot, as the receiver does."""
    systems = [application.name for application in APPLICATIONS]
    chance = random.Random(2)

    def roll() -> None:
        span = spans_told(end - MINUTE)[0]
        database["snapshots"].aggregate(roll_up(chance.choice(systems), *span), comment="roll up")

    mongod_process = next(one for one in psutil.process_iter() if one.name() == "mongod" and serves(one, database))
    before = mongod_process.cpu_times()
    times = timed(roll, ROLL_UPS)
    after = mongod_process.cpu_times()
    spent = (after.user + after.system - before.user - before.system) / ROLL_UPS * 1000
    with profiled(database, "roll up") as profile:
        timed(roll, ROLL_UPS)
    report("one roll-up", times, profile)
    echo(f"  mongod CPU {spent:.2f} ms a roll-up")


def serves(process: psutil.Process, database: Documents) -> bool:
    """Tell whether a mongod is that of the database."""
    port = database.client.address[1]  # type: ignore[index]
    return str(port) in process.cmdline()


def measure_raw(database: Documents, end: datetime) -> None:
    """Compute the rates of 24 h from the snapshots, as if there were no ``rates``."""

    def compute() -> None:
        list(database["snapshots"].aggregate(minutes(APPLICATIONS[1].name, end - DAY, end), comment="raw"))

    with profiled(database, "raw") as profile:
        times = timed(compute, 5)
    report("24 h from the snapshots", times, profile)


def measure_lag(receiver: Receiver, database: Documents) -> None:
    """Have many systems report at once, and see when their minutes are there."""
    now = datetime.now(UTC)
    names = [f"many {now.timestamp():.0f} {number}" for number in range(SYSTEMS)]
    bodies = [msgspec.json.encode({**take_snapshot(APPLICATIONS[1], now), "system": name}) for name in names]
    began = time.perf_counter()
    with ThreadPoolExecutor(SENDERS) as pool:
        statuses = {answer.status_code for answer in pool.map(receiver.post, bodies)}
    posted = time.perf_counter()
    wanted = {"system": {"$in": names}, "snapshots": 1}
    eventually(lambda: database["rates"].count_documents(wanted) == SYSTEMS, seconds=60)
    lag = time.perf_counter() - posted
    echo(f"{SYSTEMS} systems at once: answered {statuses} in {posted - began:.1f} s, all rolled up {lag:.1f} s later")


def timed(work: Callable[[], None], times: int) -> list[float]:
    """Return how many milliseconds each time took."""
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        spent.append((time.perf_counter() - began) * 1000)
    return sorted(spent)


@contextlib.contextmanager
def profiled(database: Documents, comment: str) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Have the server note what the pipelines of this comment examine."""
    database.command("profile", 0)
    database.drop_collection("system.profile")
    database.command("profile", 2, filter={"command.comment": comment})
    yield lambda: list(database["system.profile"].find({"command.comment": comment}))
    database.command("profile", 0)


def report(what: str, times: list[float], profile: Callable[[], list[dict[str, Any]]]) -> None:
    """Print one line."""
    lines = profile()
    examined = [line.get("docsExamined", 0) for line in lines]
    keys = [line.get("keysExamined", 0) for line in lines]
    p95 = times[-(-len(times) * 95 // 100) - 1]
    echo(
        f"{what}: p50 {statistics.median(times):.1f} ms, p95 {p95:.1f} ms;"
        f" documents examined at most {max(examined)}, keys {max(keys)}"
    )


def echo(text: str) -> None:
    """Print."""
    click.echo(text)


if __name__ == "__main__":
    main()
