"""The documents of ``rates``, on a real MongoDB: never more than what happened."""

import os
import random
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient
from pymongo.database import Database

from receiver.intake.offsets import OFFSETS
from receiver.intake.rollup import spans_told
from receiver.pipelines.rates import minutes, roll_up
from tests import reference
from tests.loading import load
from tests.reference import floor
from tests.truth import MINUTE, NOON, TYPES, Event, Story, happen, observe, window_start

Documents = Database[dict[str, Any]]

STORIES = int(os.environ.get("RECEIVER_TEST_STORIES", "60"))

kinds = st.sampled_from([(source, kind) for source, types in TYPES.items() for kind in types])
spikes = st.builds(lambda minute, kind, count: (minute, *kind, count), st.integers(0, 15), kinds, st.integers(1, 150))
stories = st.builds(
    Story,
    seed=st.integers(0, 2**32),
    minutes=st.integers(2, 16),
    background=st.sampled_from([0, 1, 3, 15]),
    spikes=st.lists(spikes, max_size=3).map(tuple),
    gap=st.none() | st.tuples(st.integers(1, 15), st.sampled_from([timedelta(minutes=7), timedelta(days=1)])),
    cadence_seconds=st.sampled_from([20, 45, 60, 61, 120, 300]),
    jitter_seconds=st.sampled_from([0, 14, 70]),
    lost=st.sampled_from([0.0, 0.3]),
    limit=st.sampled_from([0, 50, 100]),
    utc_offset_minutes=st.sampled_from(OFFSETS),
    broken=st.sampled_from([0.0, 0.2]),
    pruned_at=st.lists(st.integers(0, 15), max_size=1).map(tuple),
)


@pytest.fixture(scope="module")
def scratch(mongo: MongoClient[dict[str, Any]]) -> Iterator[Documents]:
    """A database for all the stories, emptied before each."""
    database = mongo[f"stories_{uuid.uuid4().hex[:8]}"]
    yield database
    mongo.drop_database(database)


def compute(database: Documents, payloads: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Store the snapshots and return the documents of all their minutes."""
    for collection in ("snapshots", "entries"):
        database[collection].delete_many({})
    load(database, payloads)
    start, end = span_of(payloads)
    return list(database["snapshots"].aggregate(minutes("story", start, end)))


def span_of(payloads: list[dict[str, Any]]) -> tuple[datetime, datetime]:
    """Return the minutes that snapshots may tell of, and some more."""
    moments = [datetime.fromisoformat(one["timestamp"]) for one in payloads] or [NOON]
    return floor(min(moments)) - timedelta(minutes=10), floor(max(moments)) + timedelta(minutes=10)


@settings(max_examples=STORIES, deadline=None, suppress_health_check=list(HealthCheck))
@given(story=stories)
def test_never_more_than_what_happened(scratch: Documents, story: Story) -> None:
    events = happen(story)
    payloads = observe(story, events)
    documents = compute(scratch, payloads)
    start, end = span_of(payloads)
    middle = start + (end - start) // MINUTE // 2 * MINUTE
    part = list(scratch["snapshots"].aggregate(minutes("story", middle, middle + 3 * MINUTE)))
    assert part == [one for one in documents if middle <= one["minute"] < middle + 3 * MINUTE]
    snapshots, rows = list(scratch["snapshots"].find()), list(scratch["entries"].find())
    assert documents == reference.rates(snapshots, rows, start, end)
    for document in documents:
        for source in TYPES:
            for kind, figures in (document[source] or {"types": {}})["types"].items():
                of_kind = [event for event in events if event.source == source and name(event) == kind]
                check_truth(document, source, figures, of_kind, snapshots)


def name(event: Event) -> str:
    """Return under which name an event is counted."""
    return reference.type_name(event.type)


def check_truth(
    document: dict[str, Any],
    source: str,
    figures: dict[str, Any],
    events: list[Event],
    snapshots: list[dict[str, Any]],
) -> None:
    """Hold a rate against the true mean over the span that it speaks for."""
    minute, rate = document["minute"], figures["per_minute"]
    in_minute = sum(floor(event.created_at) == minute for event in events)
    assert figures["counted"] <= in_minute
    if document[source]["complete"]:
        assert (rate, figures["basis"]) == (in_minute, "counted")
        return
    healthy = sorted(one["timestamp"] for one in snapshots if reference.is_healthy(one, source))
    taken = [moment for moment in healthy if floor(moment) == minute]
    following = [moment for moment in healthy if window_start(moment) <= minute and minute + MINUTE <= moment]
    means = [mean_of_window(events, moment) for moment in taken or following[:1]]
    assert rate >= max(means)
    truths = {"counted": [in_minute], "average": means, "growth": [mean_since(events, healthy, one) for one in taken]}
    assert rate <= max(truths[figures["basis"]])


def mean_of_window(events: list[Event], now: datetime) -> float:
    """Return the true mean per minute over the five minutes before."""
    return sum(window_start(now) <= event.created_at and event.moment < now for event in events) / 5


def mean_since(events: list[Event], healthy: list[datetime], now: datetime) -> float:
    """Return the true mean per minute since the snapshot before, but over one minute at least."""
    before = max((moment for moment in healthy if moment < now), default=now)
    length = max(MINUTE, now - before)
    return sum(now - length <= event.moment < now for event in events) / (length / MINUTE)


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_arrival_makes_no_difference(database: Documents, seed: int) -> None:
    story = Story(
        seed, minutes=14, cadence_seconds=45, jitter_seconds=40, lost=0.2, spikes=((4, "pulse", "exception", 80),)
    )
    payloads = observe(story, happen(story))
    shuffled = random.Random(seed).sample(payloads, len(payloads)) + payloads[:3]
    for payload in shuffled:
        (snapshot,) = load(database, [payload])
        roll_up_around(database, snapshot.timestamp)
    stored = list(database["rates"].find().sort("minute"))
    assert stored == list(database["snapshots"].aggregate(minutes("story", *span_of(payloads))))


def roll_up_around(database: Documents, moment: datetime) -> None:
    """Do what a receiver does after a snapshot."""
    database["snapshots"].aggregate(roll_up("story", *spans_told(moment)[0]))
