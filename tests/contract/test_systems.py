"""The ``systems`` collection, the same on the fake and on the real MongoDB."""

import itertools
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from mongomock_motor import AsyncMongoMockClient
from motor.motor_asyncio import AsyncIOMotorClient

from receiver.store.layout import Database
from receiver.store.systems import Sighting, replace_system

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


@pytest.fixture(params=["fake", "real"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    """An empty database, of either kind."""
    if request.param == "fake":
        yield AsyncMongoMockClient(tz_aware=True)["x"]
        return
    client: AsyncIOMotorClient = AsyncIOMotorClient(request.getfixturevalue("mongo_uri"), tz_aware=True)
    name = f"test_{uuid.uuid4().hex[:12]}"
    yield client[name]
    await client.drop_database(name)
    client.close()


def sighting(minute: int, received: int, php_version: str | None = "8.2") -> Sighting:
    """Return a sighting of a snapshot that was taken and received so many minutes after noon."""
    return Sighting(
        system="shop",
        timestamp=NOON + timedelta(minutes=minute),
        received_at=NOON + timedelta(minutes=received),
        snapshot_id=f"at-{minute}",
        php_version=php_version,
        laravel_version="11",
    )


@pytest.mark.parametrize("order", list(itertools.permutations([(0, 9), (1, 2), (2, 3)])), ids=str)
async def test_the_order_of_arrival_does_not_matter(store: Database, order: tuple[tuple[int, int], ...]) -> None:
    for minute, received in (*order, *order):
        await replace_system(store, sighting(minute, received, php_version=f"8.{minute}"))
    assert await store["systems"].find_one() == {
        "_id": "shop",
        "php_version": "8.2",
        "laravel_version": "11",
        "last_snapshot_id": "at-2",
        "first_seen_at": NOON + timedelta(minutes=2),
        "last_seen_at": NOON + timedelta(minutes=9),
        "last_timestamp": NOON + timedelta(minutes=2),
    }


async def test_a_version_that_looks_like_an_expression_is_only_text(store: Database) -> None:
    await replace_system(store, sighting(0, 0, php_version="$last_timestamp"))
    await replace_system(store, sighting(1, 1, php_version=None))
    await replace_system(store, replace(sighting(2, 2), laravel_version="$$ROOT"))
    system = await store["systems"].find_one()
    assert system is not None
    assert (system["php_version"], system["laravel_version"]) == ("8.2", "$$ROOT")
