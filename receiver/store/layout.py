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

from receiver.pipelines.stages import ENTRIES, PROGRESS, RATES, RATES_BY_TYPE, SNAPSHOTS, SYSTEMS, Pipeline
from receiver.pipelines.views import rates_by_type
from receiver.store.validators import VALIDATORS

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
        indexes: besides the one on ``_id``.
        compact: store it with :data:`COMPACT` where the server allows.
    """

    name: str
    indexes: tuple[IndexModel, ...] = ()
    compact: bool = False

    @property
    def validator(self) -> dict[str, Any]:
        """What guards the shapes that the pipelines rely on."""
        return {"$jsonSchema": VALIDATORS[self.name]}


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
            (
                IndexModel([("system", ASCENDING), ("minute", DESCENDING)], name="system_minute"),
                IndexModel([("minute", DESCENDING)], name="minute"),
                _deleted_after(retention.rates_days, "updated_at"),
            ),
            compact=True,
        ),
        Layout(SYSTEMS),
        Layout(PROGRESS),
    )


def _deleted_after(days: int, field: str = "received_at") -> IndexModel:
    return IndexModel([(field, ASCENDING)], name="ttl", expireAfterSeconds=days * DAY_SECONDS)


async def make_layout(database: Database, retention: Retention, *, only_missing: bool = False) -> None:
    """Make the collections as :func:`layouts` says, whatever is there; any number of processes may do so at once.

    Args:
        database: where.
        retention: age at which documents are deleted.
        only_missing: leave the collections that are there as they are, their expiry above all.

    Raises:
        PyMongoError: the server is away or refuses.
    """
    existing = {info["name"]: info.get("options", {}) async for info in await database.list_collections()}
    kept = existing if only_missing else {}
    for layout in layouts(retention):
        if layout.name not in kept:
            await _make(database, layout, existing.get(layout.name))
    for name, (collection, pipeline) in VIEWS.items():
        if name not in existing:
            await _create(database, name, viewOn=collection, pipeline=pipeline)
        elif name not in kept and existing[name].get("pipeline") != pipeline:
            await database.command("collMod", name, viewOn=collection, pipeline=pipeline)


async def _make(database: Database, layout: Layout, options: dict[str, Any] | None) -> None:
    """Make a collection and its indexes; ``options`` are those it has, None where it is not there."""
    if options is None:
        await _create_collection(database, layout)
    elif options.get("validator") != layout.validator:
        await database.command("collMod", layout.name, validator=layout.validator)
    for index in layout.indexes:
        await _make_index(database, layout.name, index)


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
