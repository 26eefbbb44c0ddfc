"""``rates`` follows each snapshot, whatever dies and whatever arrives when."""

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from receiver.errors import StoreUnavailable
from receiver.intake.rollup import LONGEST_SPAN, RollUps, Span, joined, minutes_told
from receiver.intake.sweep import Sweep
from receiver.pipelines.rates import minutes
from receiver.store.connection import Store
from tests.integration.test_pipelines import moment, profiled, row, snapshot
from tests.support import SAMPLES, Receiver, eventually, payload
from tests.truth import MINUTE, NOON, Story, happen, observe

Documents = Database[dict[str, Any]]

HOUR = timedelta(hours=1)


def rates(database: Documents) -> list[dict[str, Any]]:
    """Return all documents of rates."""
    return list(database["rates"].find().sort("_id"))


def computed(database: Documents) -> list[dict[str, Any]]:
    """Return what the documents should be."""
    found: list[dict[str, Any]] = []
    for system in sorted(database["snapshots"].distinct("system")):
        span = {"system": system}
        first, last = (database["snapshots"].find_one(span, sort=[("timestamp", order)]) for order in (1, -1))
        assert first
        assert last
        start = minutes_told(first["timestamp"])[0] - HOUR
        found += database["snapshots"].aggregate(minutes(system, start, minutes_told(last["timestamp"])[1]))
    return found


def is_rolled_up(database: Documents) -> bool:
    """Tell whether the documents are what they should be."""
    return rates(database) == computed(database)


def test_a_snapshot_is_rolled_up_as_soon_as_it_is_stored(receiver: Receiver, database: Documents) -> None:
    receiver.post(snapshot(0, {"request": 30}, [row(-0.5)]))
    (found,) = eventually(lambda: list(database["rates"].find({"snapshots": 1})))
    assert found["_id"] == {"system": "laravel_app", "minute": NOON}
    assert found["headline"]["requests_per_minute"] == 6.0
    eventually(lambda: is_rolled_up(database))


@pytest.mark.parametrize("seed", range(3))
def test_late_duplicate_missing_bursty_and_twice_a_minute(receiver: Receiver, database: Documents, seed: int) -> None:
    story = Story(
        seed, minutes=15, cadence_seconds=30, jitter_seconds=40, lost=0.2, spikes=((6, "pulse", "exception", 70),)
    )
    posts = observe(story, happen(story))
    posts = random.Random(seed).sample(posts, len(posts)) + posts[:4]
    for post in posts:
        assert receiver.post(post).status_code == 200
    eventually(lambda: is_rolled_up(database))


def test_the_incident_of_the_samples(receiver: Receiver, database: Documents) -> None:
    for line in (SAMPLES / "incident.ndjson").read_bytes().splitlines():
        receiver.post(line)
    eventually(lambda: is_rolled_up(database))
    start = datetime(2025, 9, 14, 19, 41, tzinfo=UTC)
    found = [one["headline"] for one in rates(database) if one["minute"] >= start]
    assert [one["exceptions_per_minute"] for one in found] == [1.0, 1.0, 1.0, 1.0, 1.0, 5.0, *[9.0] * 6]


def test_two_hundred_systems_do_not_fall_behind(receiver: Receiver, database: Documents) -> None:
    for number in range(200):
        receiver.post({**snapshot(0, {"request": number}), "system": f"system {number}"})
    eventually(lambda: database["rates"].count_documents({"snapshots": 1}) == 200)


def test_numbers_beyond_all_bounds_hold_up_nobody(receiver: Receiver, database: Documents) -> None:
    most = 2**63 - 1
    receiver.post({**snapshot(0, {"Odd": most, "Other": most, "request": most}), "system": "odd"})
    receiver.post(snapshot(0, {"request": 5}))
    eventually(lambda: database["rates"].find_one({"system": "laravel_app", "snapshots": 1}))
    found = eventually(lambda: database["rates"].find_one({"system": "odd", "snapshots": 1}))
    assert found["telescope"]["types"]["request"]["window"] == most


def test_a_roll_up_is_named_and_bounded(receiver: Receiver, database: Documents) -> None:
    with profiled(database) as profile:
        receiver.post(snapshot(0, {"request": 5}))
        eventually(lambda: database["rates"].find_one({"snapshots": 1}))
    commands = [line["command"] for line in profile if line["command"].get("comment") == "receiver roll_up"]
    assert commands
    assert all(0 < command["maxTimeMS"] <= 30_000 for command in commands)


def test_what_a_killed_receiver_left_is_rolled_up_at_the_next_start(
    mongo_uri: str, database: Documents, tmp_path: Path
) -> None:
    settings = {"RECEIVER_MONGODB_URI": mongo_uri, "RECEIVER_DATABASE": database.name}
    with Receiver(tmp_path, **settings) as running:
        for number in range(6):
            running.post(snapshot(number, {"request": 10 * number}, [row(number - 0.5, n=number)]))
        running.kill()
    database["rates"].delete_many({"minute": {"$gte": moment(2)}})
    database["snapshots"].update_many({}, {"$set": {"received_at": datetime.now(UTC) - timedelta(minutes=2)}})
    with Receiver(tmp_path, **settings):
        eventually(lambda: is_rolled_up(database))


Work = Callable[[Store], Any]


def with_store(uri: str, database: Documents, work: Work) -> None:
    """Do something with a store that is open."""

    async def run() -> None:
        store = Store(uri, database.name, retention=None, timeout_seconds=5)
        await store.open()
        try:
            await work(store)
        finally:
            await store.close()

    asyncio.run(run())


def test_another_process_makes_good_what_one_left(receiver: Receiver, mongo_uri: str, database: Documents) -> None:
    for number in range(3):
        receiver.post(snapshot(number, {"request": 10 * number}))
    eventually(lambda: is_rolled_up(database))
    database["rates"].delete_many({"minute": {"$gte": moment(1)}})
    # That process started long ago, and has looked at all that was there then.
    moments = iter([datetime.now(UTC) - HOUR, datetime.now(UTC) + MINUTE])

    async def sweep(store: Store) -> None:
        roll_ups = RollUps(store)
        await Sweep(store, roll_ups, lambda: next(moments)).run()
        await roll_ups.run_once()

    with_store(mongo_uri, database, sweep)
    assert is_rolled_up(database)


def test_what_is_up_to_date_is_not_rolled_up_again(receiver: Receiver, mongo_uri: str, database: Documents) -> None:
    receiver.post(snapshot(0, {"request": 5}))
    eventually(lambda: is_rolled_up(database))
    wanted: list[tuple[str, Span]] = []
    moments = iter([datetime.now(UTC) - HOUR, datetime.now(UTC) + MINUTE])

    class Listening(RollUps):
        """Notes what is wanted."""

        def want(self, system: str, span: Span) -> None:
            wanted.append((system, span))

    with_store(mongo_uri, database, lambda store: Sweep(store, Listening(store), lambda: next(moments)).run())
    assert wanted == []


def test_what_could_not_be_done_is_still_wanted(receiver: Receiver, mongo_uri: str, database: Documents) -> None:
    receiver.post(payload())
    eventually(lambda: is_rolled_up(database))
    database["rates"].delete_many({})

    async def try_twice(store: Store) -> None:
        away = Store("mongodb://127.0.0.1:1", database.name, retention=None, timeout_seconds=0.1)
        await away.open()
        roll_ups = RollUps(away)
        roll_ups.want("laravel_app", minutes_told(datetime(2026, 1, 15, 10, 30, tzinfo=UTC)))
        with pytest.raises(StoreUnavailable):
            await roll_ups.run_once()
        await away.close()
        roll_ups._store = store
        await roll_ups.run_once()

    with_store(mongo_uri, database, try_twice)
    assert is_rolled_up(database)


def test_the_minutes_that_a_snapshot_tells_of() -> None:
    assert minutes_told(moment(0.5)) == (moment(-5), moment(6))
    assert minutes_told(moment(0)) == (moment(-5), moment(6))


def test_rows_that_are_off_are_told_of_too_but_not_those_that_are_misdated() -> None:
    def created(*minutes: float) -> list[dict[str, Any]]:
        return [{"created_at": moment(minute)} for minute in minutes] + [{"created_at": None}]

    assert minutes_told(NOON, created(-9.5, 1)) == (moment(-10), moment(6))
    assert minutes_told(NOON, created(-1000, 1000)) == (moment(-5), moment(6))


def test_spans_are_joined_and_long_ones_cut() -> None:
    spans = [(moment(5), moment(9)), (moment(0), moment(5)), (moment(20), moment(21)), (moment(6), moment(7))]
    assert list(joined(spans)) == [(moment(0), moment(9)), (moment(20), moment(21))]
    pieces = list(joined([(NOON, NOON + 2.5 * LONGEST_SPAN)]))
    assert [end - start for start, end in pieces] == [LONGEST_SPAN, LONGEST_SPAN, LONGEST_SPAN / 2]
    assert pieces[0][1] == pieces[1][0]
