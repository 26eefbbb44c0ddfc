"""``rates`` follows each snapshot, whatever dies and whatever arrives when."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from pymongo.database import Database

from receiver.errors import StoreUnavailable, TooSlow
from receiver.intake.rollup import LONGEST_SPAN, RollUps, Span, joined, spans_told
from receiver.intake.sweep import Sweep
from receiver.pipelines.rates import minutes
from receiver.store.aggregation import run_pipeline
from receiver.store.connection import Store
from receiver.store.entries import find_known
from tests.integration.test_pipelines import moment, profiled, row, snapshot
from tests.loading import load
from tests.support import DEADLINE_SECONDS, SAMPLES, Receiver, eventually
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
        start = spans_told(first["timestamp"])[0][0] - HOUR
        found += database["snapshots"].aggregate(minutes(system, start, spans_told(last["timestamp"])[0][1]))
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


def sweep_elsewhere(uri: str, database: Documents, began: datetime, times: int = 1) -> None:
    """Do what another process does that began at some time: sweep, and roll up."""
    moments = iter([began, *(datetime.now(UTC) + (number + 2) * MINUTE for number in range(times))])

    async def sweep(store: Store) -> None:
        roll_ups = RollUps(store)
        sweeping = Sweep(store, roll_ups, lambda: next(moments))
        for _ in range(times):
            await sweeping.run()
            await roll_ups.run_once()

    with_store(uri, database, sweep)


ROWS = [row(-0.5 - n / 10, n=n) for n in range(20)]


@pytest.mark.parametrize("began", [-HOUR, HOUR], ids=["before", "after"])
def test_another_process_makes_good_what_one_left(
    receiver: Receiver, mongo_uri: str, database: Documents, began: timedelta
) -> None:
    for number in range(3):
        receiver.post(snapshot(number, {"request": 10 * number}, ROWS))
    eventually(lambda: is_rolled_up(database))
    systems = list(database["systems"].find())
    # The last one's rows came after somebody else had rolled up its minute; of the others only that minute is right.
    database["rates"].delete_many({"minute": {"$lt": moment(2)}})
    database["rates"].update_one({"minute": moment(2)}, {"$set": {"inputs": 0, "headline.requests_per_minute": 0.0}})
    database["entries"].delete_many({})
    database["systems"].delete_many({})
    sweep_elsewhere(mongo_uri, database, datetime.now(UTC) + began)
    assert is_rolled_up(database)
    assert database["entries"].count_documents({}) == 20
    assert list(database["systems"].find()) == systems


def test_what_a_process_takes_care_of_is_left_to_it(receiver: Receiver, mongo_uri: str, database: Documents) -> None:
    snapshot_id = receiver.post(snapshot(0, {"request": 5})).json()["snapshot_id"]
    eventually(lambda: is_rolled_up(database))
    wanted: list[tuple[str, list[Span]]] = []
    moments = iter([datetime.now(UTC), datetime.now(UTC) + 2 * MINUTE, datetime.now(UTC) + 3 * MINUTE])

    class Listening(RollUps):
        """Notes what is wanted."""

        def want(self, snapshot_id: str, system: str, spans: list[Span]) -> None:
            super().want(snapshot_id, system, spans)
            wanted.append((snapshot_id, spans))

    async def sweep_twice(store: Store) -> None:
        roll_ups = Listening(store)
        sweeping = Sweep(store, roll_ups, lambda: next(moments))
        await sweeping.run()
        await sweeping.run()

    with_store(mongo_uri, database, sweep_twice)
    assert wanted == [(snapshot_id, spans_told(NOON))]


def test_a_long_backlog_of_a_dead_process_is_made_good(mongo_uri: str, database: Documents) -> None:
    now = datetime.now(UTC)
    load(database, [snapshot(number, {"request": number}) for number in range(4)])
    database["snapshots"].update_many({}, {"$set": {"received_at": now - 3 * MINUTE}})
    database["snapshots"].update_many({"timestamp": {"$lt": moment(2)}}, {"$set": {"received_at": now - 3 * HOUR}})
    # A process that rolled up all there was, and noted it; later ones left a backlog of three hours.
    database["progress"].insert_one({"_id": "rolled_up", "received_at": now - 3 * HOUR - MINUTE})
    sweep_elsewhere(mongo_uri, database, now, times=2)
    assert is_rolled_up(database)
    progress, newest = database["progress"].find_one(), database["snapshots"].find_one(sort=[("received_at", -1)])
    assert progress
    assert newest
    assert progress["received_at"] == newest["received_at"]


def test_what_is_not_rolled_up_yet_is_not_noted_as_done(mongo_uri: str, database: Documents) -> None:
    now = datetime.now(UTC)
    load(database, [snapshot(0, {"request": 5})])
    database["snapshots"].update_many({}, {"$set": {"received_at": now - 3 * MINUTE}})

    async def sweep_twice(store: Store) -> None:
        sweeping = Sweep(store, RollUps(store), lambda: now)
        await sweeping.run()
        await sweeping.run()

    with_store(mongo_uri, database, sweep_twice)
    progress = database["progress"].find_one()
    assert progress
    assert progress["received_at"] < now - 10 * MINUTE


def test_an_odd_snapshot_is_rolled_up_as_far_as_it_goes(mongo_uri: str, database: Documents) -> None:
    load(database, [snapshot(0, {"request": 5}, [row(-1), row(-2)])])
    database["entries"].delete_many({})
    database["snapshots"].update_many(
        {},
        {
            "$set": {"received_at": datetime.now(UTC) - MINUTE},
            "$unset": {"telescope.recent_entries_data.0.entry_id": 1},
        },
    )
    sweep_elsewhere(mongo_uri, database, datetime.now(UTC))
    assert is_rolled_up(database)
    assert database["rates"].find_one({"snapshots": 1, "minute": NOON})


def test_many_ids_are_asked_for_in_parts(mongo_uri: str, database: Documents, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("receiver.store.entries.MOST_ASKED", 2)
    database["entries"].insert_many([{"_id": name} for name in "abcde"])

    async def ask(store: Store) -> None:
        async with store.operation() as opened:
            assert await find_known(opened, [*"axbcyde"]) == {*"abcde"}

    with_store(mongo_uri, database, ask)


class Ready:
    """A store that is always there."""

    timeout_seconds = 5.0

    @asynccontextmanager
    async def operation(self) -> AsyncIterator[None]:
        """Lend nothing."""
        yield None


READY = cast("Store", Ready())


def test_what_could_not_be_done_is_still_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes: list[Exception | None] = [StoreUnavailable("away"), StoreUnavailable("away"), KeyError("odd"), None]
    tried: list[tuple[str, Span]] = []

    async def run() -> None:
        done = asyncio.Event()

        async def run_roll_up(_database: object, system: str, *span: datetime, seconds: float) -> None:
            assert seconds == 2.0
            tried.append((system, (span[0], span[1])))
            if error := outcomes.pop(0):
                raise error
            done.set()

        monkeypatch.setattr("receiver.intake.rollup.run_roll_up", run_roll_up)
        monkeypatch.setattr("receiver.intake.rollup.RETRY_SECONDS", 0.001)
        roll_ups = RollUps(READY)
        roll_ups.want("x", "shop", [(NOON, moment(1))])
        roll_ups.want("y", "blog", [(NOON, moment(2))])
        running = asyncio.create_task(roll_ups.run())
        await asyncio.wait_for(done.wait(), DEADLINE_SECONDS)
        running.cancel()

    asyncio.run(run())
    shop, blog = ("shop", (NOON, moment(1))), ("blog", (NOON, moment(2)))
    assert tried[:4] == [shop, blog, shop, blog]  # the odd one is put off


def test_a_span_that_takes_too_long_is_taken_apart_and_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[tuple[str, Span]] = []

    async def run_roll_up(_database: object, system: str, start: datetime, end: datetime, **_: float) -> None:
        if system == "heavy" and (end - start > 3 * MINUTE or start <= moment(2) < end):
            raise TooSlow("it takes too long")
        done.append((system, (start, end)))

    monkeypatch.setattr("receiver.intake.rollup.run_roll_up", run_roll_up)

    roll_ups = RollUps(READY)
    roll_ups.want("a", "heavy", spans_told(NOON))
    roll_ups.want("b", "light", [(NOON, moment(1)), (NOON + 5 * HOUR, NOON + 6 * HOUR)])
    asyncio.run(roll_ups.run_once())
    assert not roll_ups.is_idle  # a minute of it is put off
    # The newest first, and each in turn.
    assert done[0] == ("light", (NOON + 5 * HOUR, NOON + 6 * HOUR))
    assert ("light", (NOON, moment(1))) in done[:3]
    heavy = [span for system, span in done if system == "heavy"]
    told = sum(((end - start) for start, end in heavy), timedelta())
    assert told == 10 * MINUTE  # all but that minute


def test_what_was_put_off_is_tried_again_and_no_snapshot_undoes_the_taking_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow, done = {"minutes": 1}, set[datetime]()
    roll_ups = RollUps(READY)

    async def run_roll_up(_database: object, system: str, start: datetime, end: datetime, **_: float) -> None:
        if (end - start) // MINUTE > slow["minutes"] and len(done) < 6:
            roll_ups.want("x", system, spans_told(NOON))  # another snapshot came in the meantime
            raise TooSlow("it takes too long")
        if start == moment(3) and slow.pop("once", None):
            raise TooSlow("it takes too long")
        done.update(start + number * MINUTE for number in range((end - start) // MINUTE))

    async def run() -> None:
        running = asyncio.create_task(roll_ups.run())
        roll_ups.want("x", "shop", spans_told(NOON))
        async with asyncio.timeout(DEADLINE_SECONDS):
            while len(done) < 11 or not roll_ups.is_idle:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        running.cancel()

    slow["once"] = 1
    monkeypatch.setattr("receiver.intake.rollup.run_roll_up", run_roll_up)
    monkeypatch.setattr("receiver.intake.rollup.PAUSE_SECONDS", 0.01)
    monkeypatch.setattr("receiver.intake.rollup.RETRY_SECONDS", 0.01)
    asyncio.run(run())
    assert done == {moment(minute) for minute in range(-5, 6)}


def test_the_server_gives_up_what_takes_too_long_and_is_well(mongo_uri: str, database: Documents) -> None:
    database["snapshots"].insert_many([{"n": n} for n in range(2000)])
    endless = [{"$match": {"$expr": {"$gte": [{"$sum": {"$range": [0, {"$add": [500_000, "$n"]}]}}, 0]}}}]

    async def work(store: Store) -> None:
        with pytest.raises(TooSlow):
            async with store.operation() as opened:
                await run_pipeline(opened, "snapshots", endless, "endless", seconds=0.05)
        assert store.reason is None

    with_store(mongo_uri, database, work)


def created(*minutes: float) -> list[dict[str, Any]]:
    """Return rows that were created so many minutes after noon, and one of which that is not known."""
    return [{"created_at": moment(minute)} for minute in minutes] + [{"created_at": None}]


def test_the_minutes_that_a_snapshot_tells_of() -> None:
    assert spans_told(moment(0.5)) == [(moment(-5), moment(6))]
    assert spans_told(moment(0)) == [(moment(-5), moment(6))]


def test_rows_that_are_off_are_told_of_too() -> None:
    assert spans_told(NOON, created(-9.5, 1)) == [(moment(-10), moment(6))]
    assert spans_told(NOON, created(-1000.5, -1000.2, 1000)) == [
        (moment(-5), moment(6)),
        (moment(-1001), moment(-1000)),
        (moment(1000), moment(1001)),
    ]
    assert len(spans_told(NOON, created(*range(-5000, -100)))) == 61


def test_a_row_that_was_misdated_makes_no_difference_to_the_order(receiver: Receiver, database: Documents) -> None:
    late = snapshot(0, {"request": 9}, [row(-40.5)])
    covering = snapshot(-38, {"request": 9})
    for posts in ((late, covering), (covering, late)):
        for name in ("snapshots", "entries", "rates"):
            database[name].delete_many({})
        for post in posts:
            receiver.post(post)
        wanted = {"minute": moment(-41), "telescope.types.request.counted": 1}
        eventually(lambda wanted=wanted: database["rates"].find_one(wanted))
        eventually(lambda: is_rolled_up(database))


def test_spans_are_joined_and_long_ones_cut() -> None:
    spans = [(moment(6), moment(9)), (moment(0), moment(5)), (moment(20), moment(21)), (moment(5), moment(7))]
    assert list(joined(spans)) == [(moment(0), moment(5)), (moment(5), moment(9)), (moment(20), moment(21))]
    pieces = list(joined([(NOON, NOON + 2.5 * LONGEST_SPAN)]))
    assert [end - start for start, end in pieces] == [LONGEST_SPAN, LONGEST_SPAN, LONGEST_SPAN / 2]
    assert pieces[0][1] == pieces[1][0]
