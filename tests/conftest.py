"""What several kinds of tests share."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from tests.support import Receiver, mongod

SHARED = "shared"


@pytest.fixture(scope="session")
def mongo_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real MongoDB, one for the whole run."""
    with mongod(tmp_path_factory.mktemp("mongod")) as uri:
        yield uri


@pytest.fixture(scope="session")
def mongo(mongo_uri: str) -> Iterator[MongoClient[dict[str, Any]]]:
    """A client of it."""
    with MongoClient[dict[str, Any]](mongo_uri, tz_aware=True) as client:
        yield client


@pytest.fixture(scope="session")
def shared_receiver(mongo_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """A running receiver for all the tests that neither stop it nor care for its settings."""
    settings = {"RECEIVER_MONGODB_URI": mongo_uri, "RECEIVER_DATABASE": SHARED}
    with Receiver(tmp_path_factory.mktemp("shared"), **settings) as running:
        yield running


@pytest.fixture
def receiver(shared_receiver: Receiver, database: Database[dict[str, Any]]) -> Receiver:
    """That receiver, with nothing stored."""
    for name in ("snapshots", "entries", "rates", "systems", "progress"):
        database[name].delete_many({})
    return shared_receiver


@pytest.fixture
def database(request: pytest.FixtureRequest, mongo: MongoClient[dict[str, Any]]) -> Iterator[Database[dict[str, Any]]]:
    """An empty database: the receiver's where the test has one, or else a new one."""
    if "receiver" in request.fixturenames:
        yield mongo[SHARED]
        return
    name = f"test_{uuid.uuid4().hex[:12]}"
    yield mongo[name]
    mongo.drop_database(name)
