"""The ``entries`` collection, on a real MongoDB: each distinct row once."""

import asyncio
import itertools
import json
import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo.database import Database

from receiver.clock import iso_utc
from receiver.intake.facts import rows_of
from receiver.intake.rollup import RollUps
from receiver.intake.sweep import Sweep
from receiver.store.connection import Store
from receiver.store.entries import list_incomplete
from receiver.store.snapshots import SLICE, list_received
from tests.support import Receiver, eventually, payload, sample

Documents = Database[dict[str, Any]]

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


def query(second: int, number: int = 0) -> dict[str, Any]:
    """Return a query's row, recorded so many seconds after noon; rows of the same second and number are equal."""
    created = (NOON + timedelta(seconds=second)).strftime("%Y-%m-%d %H:%M:%S")
    content = {"sql": f"select {number}", "time": "1.20", "file": "/a.php", "line": number}
    return {"type": "query", "created_at": created, "batch_id": f"b{second}", "content": content}


def overlapping(rows: list[dict[str, Any]], minutes: int, limit: int = 100) -> list[dict[str, Any]]:
    """Return what a sender posts at each minute: the newest rows of the five minutes before, newest first."""
    posts = []
    for minute in range(1, minutes + 1):
        now = NOON + timedelta(minutes=minute)
        start, end = (now - timedelta(minutes=5)).strftime("%H:%M:%S"), now.strftime("%H:%M:%S")
        visible = [row for row in reversed(rows) if start <= row["created_at"][11:] < end][:limit]
        section = {"recent_entries": len(visible), "entry_types": {}, "recent_entries_data": visible}
        posts.append(payload(timestamp=iso_utc(now), telescope=section))
    return posts


ROWS = [query(second, number) for second in range(0, 600, 20) for number in (0, 1, 1, 1, 1, 1)]


@pytest.mark.parametrize("seed", range(3))
def test_each_row_once_under_any_order_overlap_and_re_send(receiver: Receiver, database: Documents, seed: int) -> None:
    posts = overlapping(ROWS, 10) * 2
    random.Random(seed).shuffle(posts)
    for post in posts:
        assert receiver.post(post).status_code == 200
    stored = Counter((row["created_at"], row["line"]) for row in database["entries"].find())
    assert len(stored) == 60
    assert {count for (_, number), count in stored.items() if number == 0} == {1}
    assert {count for (_, number), count in stored.items() if number == 1} == {5}


def test_rows_that_one_snapshot_cut_off_are_brought_by_another(receiver: Receiver, database: Documents) -> None:
    for post in overlapping(ROWS, 10, limit=17):
        receiver.post(post)
    assert database["entries"].count_documents({}) == 10 * 17


def test_a_row_has_its_facts_and_leads_to_its_snapshot(receiver: Receiver, database: Documents) -> None:
    answer = receiver.post(sample("sender-busy")).json()
    row = database["entries"].find_one({"type": "slow_request"})
    assert row is not None
    snapshot = database["snapshots"].find_one({"_id": row["snapshot_id"]})
    assert snapshot is not None
    assert row.pop("_id") in [entry["entry_id"] for entry in snapshot["pulse"]["recent_entries_data"]]
    assert row.pop("received_at") == snapshot["received_at"]
    assert row.pop("observed_at") == snapshot["timestamp"]
    assert row == {
        "system": "laravel_app",
        "source": "pulse",
        "type": "slow_request",
        "created_at": datetime(2026, 11, 22, 7, 8, 4, tzinfo=UTC),
        "batch_id": None,
        "snapshot_id": answer["snapshot_id"],
        "method": "GET",
        "path": "/api/x/2",
        "action": "App\\C@m",
        "duration_ms": 2118.0,
    }


def job(status: str, timestamp: str) -> dict[str, Any]:
    """Return a snapshot that tells of one job."""
    content = {"name": "App\\SendMail", "queue": "default", "status": status}
    row = {"type": "job", "created_at": "2026-01-15T11:59:30Z", "batch_id": "b", "content": content}
    return payload(timestamp=timestamp, telescope={"recent_entries_data": [row]})


JOB = [
    job("pending", "2026-01-15T12:00:00Z"),
    job("processed", "2026-01-15T12:01:00Z"),
    job("failed", "2026-01-15T12:02:00Z"),
]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_the_latest_status_of_a_job_stays(receiver: Receiver, database: Documents, order: tuple[int, ...]) -> None:
    first = receiver.post(JOB[order[0]]).json()["snapshot_id"]
    for number in order[1:]:
        receiver.post(JOB[number])
    (row,) = database["entries"].find()
    assert (row["status"], row["observed_at"]) == ("failed", NOON + timedelta(minutes=2))
    assert row["snapshot_id"] == first


def test_a_re_send_makes_rows_that_a_crash_left_out(receiver: Receiver, database: Documents) -> None:
    receiver.post(sample("sender-busy"))
    whole = list(database["entries"].find({}, {"received_at": 0}).sort("_id"))
    database["entries"].delete_many({})
    assert receiver.post(sample("sender-busy")).json()["duplicate"] is True
    assert list(database["entries"].find({}, {"received_at": 0}).sort("_id")) == whole


Instant = Callable[[], datetime]


def sweep(uri: str, database: Documents, clock: Instant, rounds: int = 1, before: Callable[[], object] = int) -> None:
    """Look for missing rows as a worker does that starts now; ``before`` runs when the store is open, before that."""

    async def run() -> None:
        store = Store(uri, database.name, retention=None, timeout_seconds=5)
        sweeping = Sweep(store, RollUps(store), clock)
        await store.open()
        before()
        for _ in range(rounds):
            await sweeping.run()
        await store.close()

    asyncio.run(run())


def later() -> datetime:
    """A while from now: what has just been received has settled by then."""
    return datetime.now(UTC) + timedelta(minutes=2)


def all_rows(database: Documents) -> list[dict[str, Any]]:
    """Return all rows."""
    return list(database["entries"].find().sort("_id"))


def test_the_sweep_makes_rows_that_nobody_re_sends(receiver: Receiver, mongo_uri: str, database: Documents) -> None:
    receiver.post(sample("sender-busy"))
    receiver.post(sample("string-content"))
    whole = all_rows(database)
    database["entries"].delete_many({"type": {"$in": ["query", "job"]}})
    sweep(mongo_uri, database, later)
    assert all_rows(database) == whole


def test_the_sweep_leaves_alone_what_is_being_written(receiver: Receiver, mongo_uri: str, database: Documents) -> None:
    receiver.post(sample("sender-busy"))
    database["entries"].delete_many({})
    sweep(mongo_uri, database, lambda: datetime.now(UTC))
    assert all_rows(database) == []


def test_the_sweep_goes_through_many_snapshots(receiver: Receiver, mongo_uri: str, database: Documents) -> None:
    for number in range(2 * SLICE + 7):
        receiver.post(payload(n=number, telescope={"recent_entries_data": [query(number)]}))
    whole = all_rows(database)
    database["entries"].delete_many({})
    sweep(mongo_uri, database, later)
    assert all_rows(database) == whole


def test_a_snapshot_that_is_odd_does_not_hold_up_those_behind_it(
    receiver: Receiver, mongo_uri: str, database: Documents
) -> None:
    receiver.post(sample("guide"))
    (odd,) = database["snapshots"].find()
    del odd["telescope"]["recent_entries_data"][0]["entry_id"]
    database["snapshots"].delete_many({})
    database["snapshots"].insert_one(odd, bypass_document_validation=True)
    receiver.post(sample("sender-busy"))
    whole = {row["_id"] for row in all_rows(database)}
    database["entries"].delete_many({})
    sweep(mongo_uri, database, later)
    rows = {row["_id"] for row in all_rows(database)}
    assert len(rows) == 100
    assert rows < whole


def test_a_crash_is_made_good_however_late_mongodb_comes_up(
    receiver: Receiver, mongo_uri: str, database: Documents
) -> None:
    receiver.post(sample("sender-busy"))
    crashed = datetime.now(UTC) - timedelta(days=3)
    database["snapshots"].update_many({}, {"$set": {"received_at": crashed}})
    whole = {row["_id"] for row in all_rows(database)}
    database["entries"].delete_many({})
    moments = iter([datetime.now(UTC), later()])
    sweep(mongo_uri, database, lambda: next(moments), before=lambda: receiver.post(sample("guide")))
    assert whole <= {row["_id"] for row in all_rows(database)}


def test_a_clock_that_is_stepped_back_leaves_nothing_out(
    receiver: Receiver, mongo_uri: str, database: Documents
) -> None:
    moments = iter([later() + timedelta(hours=1), later() + timedelta(hours=1), later(), later()])
    receiver.post(sample("sender-busy"))
    whole = {row["_id"] for row in all_rows(database)}
    database["entries"].delete_many({})
    database["snapshots"].update_many({}, {"$set": {"received_at": datetime.now(UTC) - timedelta(minutes=5)}})
    held = list(database["snapshots"].find())
    database["snapshots"].delete_many({})

    def clock() -> datetime:
        moment = next(moments)
        if moment < datetime.now(UTC) + timedelta(minutes=30):  # the second round, after the step
            database["snapshots"].insert_many(held)
        return moment

    sweep(mongo_uri, database, clock, rounds=2)
    assert {row["_id"] for row in all_rows(database)} == whole


async def test_only_snapshots_that_lack_rows_are_listed(
    receiver: Receiver, mongo_uri: str, database: Documents
) -> None:
    broken = receiver.post(sample("sender-busy")).json()["snapshot_id"]
    receiver.post(sample("string-content"))
    receiver.post(sample("sender-idle"))
    database["entries"].delete_one({"snapshot_id": broken})
    store = Store(mongo_uri, database.name, retention=None, timeout_seconds=5)
    await store.open()
    async with store.operation() as opened:
        received, following = await list_received(opened, NOON, datetime.now(UTC))
        assert (len(received), following) == (3, None)
        assert await list_incomplete(opened, received) == {broken}
        assert await list_received(opened, NOON, NOON + timedelta(days=1)) == ([], None)
    await store.close()


def test_rows_drawn_from_the_stored_document_are_those_of_the_first_time(
    receiver: Receiver, database: Documents
) -> None:
    receiver.post(sample("sender-jakarta"))
    (document,) = database["snapshots"].find()
    assert sorted(rows_of(document), key=str) == sorted(
        ({**row, "batch_id": row["batch_id"]} for row in database["entries"].find()), key=str
    )


def test_finds_use_the_indexes(receiver: Receiver, database: Documents) -> None:
    receiver.post(sample("sender-busy"))
    eventually(lambda: database["entries"].count_documents({}) == 100)
    finds = {
        "system_source_type_created": {"system": "laravel_app", "source": "telescope", "type": "exception"},
        "batch": {"batch_id": json.loads(sample("sender-busy"))["telescope"]["recent_entries_data"][0]["batch_id"]},
    }
    for index, find in finds.items():
        explained = database["entries"].find(find).explain()
        plan = explained["queryPlanner"]["winningPlan"]
        assert (plan["stage"], plan["inputStage"]["stage"], plan["inputStage"]["indexName"]) == (
            "FETCH",
            "IXSCAN",
            index,
        )
        assert explained["executionStats"]["totalDocsExamined"] == explained["executionStats"]["nReturned"]
