"""What is stored, on a real MongoDB."""

import asyncio
import concurrent.futures
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.database import Database
from pymongo.errors import WriteError

from receiver.store.layout import SNAPSHOTS, Retention, layouts, make_layout
from tests.support import SAMPLES, Receiver, payload, sample

Documents = Database[dict[str, Any]]

RETENTION = Retention(30, 90, 400)
TIMESTAMP = {"timestamp": {"$gte": datetime(2026, 1, 1, tzinfo=UTC)}}
LATELY = {"timestamp": {"$gte": datetime(2026, 11, 1, tzinfo=UTC)}}
OBVIOUS_FINDS = {
    "system and time": ({"system": "laravel_app", **TIMESTAMP}, "system_timestamp"),
    "time": (LATELY, "timestamp"),
    "telescope type": ({"telescope.recent_entries_data.type": "exception", **TIMESTAMP}, "telescope_type"),
    "pulse type": ({"pulse.recent_entries_data.type": "slow_request", **TIMESTAMP}, "pulse_type"),
}


def stages(plan: dict[str, Any]) -> list[str]:
    """List the stages of a winning plan, from the top."""
    below = plan.get("inputStage")
    return [plan["stage"], *(stages(below) if below else [])]


def make(uri: str, name: str, retention: Retention = RETENTION) -> None:
    """Make the collections as a starting receiver does."""

    async def run() -> None:
        client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(uri)
        await make_layout(client[name], retention)
        client.close()

    asyncio.run(run())


def only(database: Documents) -> dict[str, Any]:
    """Return the one stored snapshot."""
    (document,) = database[SNAPSHOTS].find()
    return document


def test_a_snapshot_is_stored_as_one_nested_document(receiver: Receiver, database: Documents) -> None:
    answer = receiver.post(sample("guide")).json()
    document = only(database)
    sent = json.loads(sample("guide"))
    assert document.pop("_id") == answer["snapshot_id"]
    assert document.pop("timestamp") == datetime(2024, 1, 15, 10, 30, tzinfo=UTC)
    assert document.pop("received_at").tzinfo is not None
    receipt = document.pop("receipt")
    assert (receipt["bytes"], receipt["late"], receipt["token"]) == (len(sample("guide")), True, "default")
    for source in ("telescope", "pulse"):
        (entry,) = document[source]["recent_entries_data"]
        (row,) = sent[source]["recent_entries_data"]
        assert entry.pop("sent") == {"created_at": row.pop("created_at")}
        assert entry.pop("entry_id")
        assert entry.pop("created_at").tzinfo is not None
    del sent["timestamp"]
    assert document == sent


@pytest.mark.parametrize("name", [path.stem for path in SAMPLES.glob("*.json") if path.stem != "sender-test"])
def test_every_sample_is_stored(receiver: Receiver, database: Documents, name: str) -> None:
    assert receiver.post(sample(name)).status_code == 200
    document = only(database)
    for source in ("telescope", "pulse"):
        sent = json.loads(sample(name))[source]
        assert document[source].get("entry_types", "none") == (sent.get("entry_types", "none") or {})
        assert len(document[source].get("recent_entries_data", [])) == len(sent.get("recent_entries_data", []))


def test_the_busy_sample_has_its_exceptions_under_their_type(receiver: Receiver, database: Documents) -> None:
    receiver.post(sample("sender-busy"))
    types = [entry["type"] for entry in only(database)["telescope"]["recent_entries_data"]]
    assert types.count("exception") == json.loads(sample("sender-busy"))["telescope"]["entry_types"]["exception"]


def test_the_connection_test_stores_nothing(receiver: Receiver, database: Documents) -> None:
    assert receiver.post(sample("sender-test")).json()["message"] == "Connection OK"
    assert database[SNAPSHOTS].count_documents({}) == 0
    assert database["systems"].count_documents({}) == 0


def test_what_is_acknowledged_is_durable_first(receiver: Receiver, database: Documents) -> None:
    database.drop_collection("system.profile")
    database.command("profile", 2)
    receiver.post(sample("guide"))
    database.command("profile", 0)
    concerns = {
        (entry["op"], entry["ns"].split(".")[1]): entry["command"].get("writeConcern")
        for entry in database["system.profile"].find({"op": {"$in": ["insert", "update", "command"]}})
        if "command" in entry
    }
    durable = {"w": "majority", "j": True}
    assert concerns[("insert", "snapshots")] == durable


def test_the_same_body_at_once_from_many_is_stored_once(receiver: Receiver, database: Documents) -> None:
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = [answer.json() for answer in pool.map(receiver.post, [sample("guide")] * 32)]
    assert [answer["duplicate"] for answer in answers].count(False) == 1
    assert database[SNAPSHOTS].count_documents({}) == 1


def test_the_system_is_kept_up_to_date_in_any_order(receiver: Receiver, database: Documents) -> None:
    for hour, version in ((12, "8.2"), (14, "8.4"), (13, "8.3")):
        info = {"php_version": version, "laravel_version": "11"}
        receiver.post(payload(timestamp=f"2026-01-15T{hour}:00:00Z", server_info=info))
    snapshots = {document["timestamp"].hour: document for document in database[SNAPSHOTS].find()}
    (system,) = database["systems"].find()
    received = sorted(document["received_at"] for document in snapshots.values())
    assert system == {
        "_id": "laravel_app",
        "first_seen_at": received[0],
        "last_seen_at": received[-1],
        "last_timestamp": datetime(2026, 1, 15, 14, tzinfo=UTC),
        "php_version": "8.4",
        "laravel_version": "11",
        "last_snapshot_id": snapshots[14]["_id"],
    }


def test_a_re_send_makes_good_a_system_that_a_crash_left_out(receiver: Receiver, database: Documents) -> None:
    receiver.post(sample("guide"))
    database["systems"].delete_many({})
    assert receiver.post(sample("guide")).json()["duplicate"] is True
    assert database["systems"].count_documents({"_id": "laravel_app"}) == 1


@pytest.mark.parametrize("find", OBVIOUS_FINDS)
def test_the_obvious_finds_use_an_index(receiver: Receiver, database: Documents, find: str) -> None:
    quiet = {"recent_entries_data": [{"type": "query"}]}
    for minute in range(30):
        old = payload(timestamp=f"2026-01-15T10:{minute:02}:00Z", system="quiet", telescope=quiet, pulse=quiet)
        receiver.post(old)
    receiver.post(sample("sender-busy"))
    query, index = OBVIOUS_FINDS[find]
    explained = database[SNAPSHOTS].find(query).sort("timestamp", -1).explain()
    plan = explained["queryPlanner"]["winningPlan"]
    assert stages(plan) == ["FETCH", "IXSCAN"]
    assert plan["inputStage"]["indexName"] == index
    assert explained["executionStats"]["totalDocsExamined"] <= 1


def test_any_number_of_processes_make_the_collections_at_once(mongo_uri: str, database: Documents) -> None:
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(make, [mongo_uri] * 8, [database.name] * 8))
    for layout in layouts(RETENTION):
        names = {index["name"] for index in database[layout.name].list_indexes()}
        assert names == {"_id_", *(index.document["name"] for index in layout.indexes)}
        assert database[layout.name].options()["validator"] == layout.validator


def test_snapshots_are_stored_compactly(mongo_uri: str, database: Documents) -> None:
    make(mongo_uri, database.name)
    config = database.command("collStats", SNAPSHOTS)["wiredTiger"]["creationString"]
    assert "block_compressor=zstd" in config
    assert "leaf_page_max=128KB" in config


def expiry(database: Documents) -> int:
    """Return the seconds after which a snapshot is deleted."""
    return int(database[SNAPSHOTS].index_information()["ttl"]["expireAfterSeconds"])


def test_retention_is_changed_in_place(mongo_uri: str, database: Documents) -> None:
    make(mongo_uri, database.name, retention=Retention(30, 90, 400))
    assert expiry(database) == 30 * 86_400
    make(mongo_uri, database.name, retention=Retention(7, 90, 400))
    assert expiry(database) == 7 * 86_400


def test_an_older_validator_is_replaced(mongo_uri: str, database: Documents) -> None:
    database.create_collection(SNAPSHOTS, validator={"x": 1})
    make(mongo_uri, database.name)
    assert database[SNAPSHOTS].options()["validator"] == layouts(RETENTION)[0].validator


@pytest.mark.parametrize(
    "change",
    [
        {"timestamp": "2026-01-15"},
        {"telescope": []},
        {"telescope": {"total_entries": -1}},
        {"pulse": {"entry_types": {"slow_query": "7"}}},
        {"pulse": {"recent_entries_data": [{"type": 5}]}},
        {"receipt": {}},
    ],
    ids=str,
)
def test_the_validator_guards_the_shapes(receiver: Receiver, database: Documents, change: dict[str, Any]) -> None:
    receiver.post(sample("guide-curl"))
    with pytest.raises(WriteError, match="failed validation"):
        database[SNAPSHOTS].insert_one({**only(database), "_id": "another", **change})
