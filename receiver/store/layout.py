"""The collections: their indexes, validators and storage, and how they are made on a server.

Source: DESIGN.md, section 4.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.errors import CollectionInvalid, OperationFailure

from receiver.pipelines.stages import ENTRIES, RATES, RATES_BY_TYPE, SNAPSHOTS, SOURCES, SYSTEMS, Pipeline
from receiver.pipelines.views import rates_by_type

Database = AsyncIOMotorDatabase[dict[str, Any]]

BEFORE_ALL = datetime(1970, 1, 1, tzinfo=UTC)
DAY_SECONDS = 24 * 60 * 60

# Snapshots repeat themselves (the same queries, headers, traces), so zstd on large pages stores them in a sixth.
COMPACT = {"wiredTiger": {"configString": "block_compressor=zstd,leaf_page_max=128KB"}}

NAMESPACE_EXISTS = 48
INDEX_OPTIONS_CONFLICT = 85


@dataclass(frozen=True)
class Layout:
    """How one collection is kept.

    Args:
        name: of the collection.
        validator: a ``$jsonSchema`` that guards the shapes the pipelines rely on.
        indexes: besides the one on ``_id``.
        compact: store it with :data:`COMPACT` where the server allows.
    """

    name: str
    validator: Mapping[str, Any]
    indexes: tuple[IndexModel, ...] = ()
    compact: bool = False


COUNT = {"bsonType": ["int", "long", "null"], "minimum": 0}
TEXT = {"bsonType": ["string", "null"]}

SECTION = {
    "bsonType": "object",
    "properties": {
        "total_entries": COUNT,
        "recent_entries": COUNT,
        "entry_types": {"bsonType": ["object", "null"], "additionalProperties": COUNT},
        "recent_entries_data": {
            "bsonType": ["array", "null"],
            "items": {
                "bsonType": "object",
                "required": ["entry_id"],
                "properties": {
                    "entry_id": {"bsonType": "string"},
                    "type": TEXT,
                    "created_at": {"bsonType": "date"},
                    "batch_id": TEXT,
                },
            },
        },
        "error": TEXT,
    },
}

SNAPSHOT = {
    "$jsonSchema": {
        "bsonType": "object",
        "required": ["_id", "system", "timestamp", "received_at", "telescope", "pulse", "server_info", "receipt"],
        "properties": {
            "_id": {"bsonType": "string"},
            "system": {"bsonType": "string"},
            "timestamp": {"bsonType": "date"},
            "received_at": {"bsonType": "date"},
            "telescope": SECTION,
            "pulse": SECTION,
            "server_info": {
                "bsonType": "object",
                "properties": {
                    "php_version": TEXT,
                    "laravel_version": TEXT,
                    "memory_usage": COUNT,
                    "peak_memory": COUNT,
                },
            },
            "receipt": {
                "bsonType": "object",
                "required": ["schema_version", "bytes", "trimmed", "redacted", "late", "clock_skew_seconds", "token"],
                "properties": {
                    "schema_version": {"bsonType": "int"},
                    "bytes": {"bsonType": ["int", "long"]},
                    "utc_offset_minutes": {"bsonType": ["int", "null"]},
                    "trimmed": {"bsonType": "array"},
                    "redacted": {"bsonType": "array"},
                    "repaired": {"bsonType": "array"},
                    "late": {"bsonType": "bool"},
                    "clock_skew_seconds": {"bsonType": "double"},
                    "token": {"bsonType": "string"},
                },
            },
        },
    }
}

SYSTEM = {
    "$jsonSchema": {
        "bsonType": "object",
        "required": ["_id", "first_seen_at", "last_seen_at", "last_timestamp"],
        "properties": {
            "_id": {"bsonType": "string"},
            "first_seen_at": {"bsonType": "date"},
            "last_seen_at": {"bsonType": "date"},
            "last_timestamp": {"bsonType": "date"},
        },
    }
}


ENTRY = {
    "$jsonSchema": {
        "bsonType": "object",
        "required": ["_id", "system", "source", "type", "created_at", "snapshot_id", "received_at", "observed_at"],
        "properties": {
            "_id": {"bsonType": "string"},
            "system": {"bsonType": "string"},
            "source": {"enum": list(SOURCES)},
            "type": TEXT,
            "created_at": {"bsonType": ["date", "null"]},
            "batch_id": TEXT,
            "snapshot_id": {"bsonType": "string"},
            "received_at": {"bsonType": "date"},
            "observed_at": {"bsonType": "date"},
            "duration_ms": {"bsonType": "double"},
        },
    }
}

NUMBER = {"bsonType": ["int", "long", "double", "null"], "minimum": 0}
RATE = {"bsonType": ["double", "null"], "minimum": 0}

RATES_OF_SECTION = {
    "bsonType": ["object", "null"],
    "required": ["complete", "types"],
    "properties": {
        "complete": {"bsonType": "bool"},
        "types": {
            "bsonType": "object",
            "additionalProperties": {
                "bsonType": "object",
                "required": ["per_minute", "basis", "window", "average", "growth", "counted"],
                "properties": {
                    "per_minute": {"bsonType": "double", "minimum": 0},
                    "basis": {"enum": ["counted", "growth", "average"]},
                    "window": NUMBER,
                    "average": RATE,
                    "growth": RATE,
                    "counted": COUNT,
                },
            },
        },
    },
}

MINUTE_OF_RATES = {
    "$jsonSchema": {
        "bsonType": "object",
        "required": ["_id", "system", "minute", "snapshots", "inputs", "updated_at", *SOURCES, "headline"],
        "properties": {
            "_id": {"bsonType": "object", "required": ["system", "minute"]},
            "system": {"bsonType": "string"},
            "minute": {"bsonType": "date"},
            "snapshots": COUNT,
            "inputs": COUNT,
            "updated_at": {"bsonType": "date"},
            **dict.fromkeys(SOURCES, RATES_OF_SECTION),
            "response_time_ms": {
                "bsonType": "object",
                "properties": {"count": COUNT, "avg": RATE, "p95": RATE, "max": RATE},
            },
            "memory_bytes": {"bsonType": "object", "properties": {"last": COUNT, "max": COUNT, "peak": COUNT}},
            "headline": {
                "bsonType": "object",
                "properties": {
                    "requests_per_minute": RATE,
                    "exceptions_per_minute": RATE,
                    "queries_per_minute": RATE,
                    "basis": {"bsonType": "object"},
                },
            },
        },
    }
}

VIEWS: Mapping[str, tuple[str, Pipeline]] = {RATES_BY_TYPE: (RATES, rates_by_type())}


@dataclass(frozen=True)
class Retention:
    """After how many days documents are deleted, counted on our clock."""

    snapshots_days: int
    entries_days: int
    rates_days: int


def layouts(retention: Retention) -> tuple[Layout, ...]:
    """List the collections."""
    newest_first = ("timestamp", DESCENDING)
    return (
        Layout(
            SNAPSHOTS,
            SNAPSHOT,
            (
                IndexModel([("system", ASCENDING), newest_first], name="system_timestamp"),
                IndexModel([newest_first], name="timestamp"),
                IndexModel([("telescope.recent_entries_data.type", ASCENDING), newest_first], name="telescope_type"),
                IndexModel([("pulse.recent_entries_data.type", ASCENDING), newest_first], name="pulse_type"),
                _deleted_after(retention.snapshots_days),
            ),
            compact=True,
        ),
        Layout(
            ENTRIES,
            ENTRY,
            (
                IndexModel(
                    [("system", ASCENDING), ("source", ASCENDING), ("type", ASCENDING), ("created_at", DESCENDING)],
                    name="system_source_type_created",
                ),
                IndexModel([("batch_id", ASCENDING)], name="batch"),
                _deleted_after(retention.entries_days),
            ),
            compact=True,
        ),
        Layout(
            RATES,
            MINUTE_OF_RATES,
            (
                IndexModel([("system", ASCENDING), ("minute", DESCENDING)], name="system_minute"),
                IndexModel([("minute", DESCENDING)], name="minute"),
                _deleted_after(retention.rates_days, "updated_at"),
            ),
            compact=True,
        ),
        Layout(SYSTEMS, SYSTEM),
    )


def _deleted_after(days: int, field: str = "received_at") -> IndexModel:
    return IndexModel([(field, ASCENDING)], name="ttl", expireAfterSeconds=days * DAY_SECONDS)


async def make_layout(database: Database, retention: Retention) -> None:
    """Make the collections as :func:`layouts` says, whatever is there; any number of processes may do so at once.

    Raises:
        PyMongoError: the server is away or refuses.
    """
    existing = {info["name"]: info.get("options", {}) async for info in await database.list_collections()}
    for layout in layouts(retention):
        if layout.name not in existing:
            await _create_collection(database, layout)
        elif existing[layout.name].get("validator") != layout.validator:
            await database.command("collMod", layout.name, validator=layout.validator)
        for index in layout.indexes:
            await _make_index(database, layout.name, index)
    for name, (collection, pipeline) in VIEWS.items():
        if name not in existing:
            await _create(database, name, viewOn=collection, pipeline=pipeline)
        elif existing[name].get("pipeline") != pipeline:
            await database.command("collMod", name, viewOn=collection, pipeline=pipeline)


async def _create_collection(database: Database, layout: Layout) -> None:
    """Create a collection, with :data:`COMPACT` where it should be and the server does not refuse."""
    if layout.compact:
        try:
            await _create(database, layout.name, validator=layout.validator, storageEngine=COMPACT)
        except OperationFailure:
            pass
        else:
            return
    await _create(database, layout.name, validator=layout.validator)


async def _create(database: Database, name: str, **options: Any) -> None:
    """Create a collection or view; where another process got there first, it is the same."""
    try:
        await database.create_collection(name, **options)
    except CollectionInvalid:
        return
    except OperationFailure as error:
        if error.code != NAMESPACE_EXISTS:
            raise


async def _make_index(database: Database, collection: str, index: IndexModel) -> None:
    """Create an index, unless somebody made the same one under another name.

    Where it is there with another expiry (the setting changed), that is changed in place.
    """
    try:
        await database[collection].create_indexes([index])
    except OperationFailure as error:
        if error.code != INDEX_OPTIONS_CONFLICT:
            raise
        wanted = index.document
        if "expireAfterSeconds" in wanted:
            change = {"keyPattern": wanted["key"], "expireAfterSeconds": wanted["expireAfterSeconds"]}
            await database.command("collMod", collection, index=change)
